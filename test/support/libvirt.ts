/** The real libvirt of this machine: its daemon is started where it does not run, and ends with the tests that started it. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { run, type Workbench } from './workbench.ts';

export const ADDRESS = 'qemu:///system';
const PIDS = ['/run/libvirtd.pid', '/run/virtlogd.pid'];

export const virsh = (...args: string[]) => run('virsh', '-q', '-c', ADDRESS, ...args);

const answers = () => spawnSync('virsh', ['-q', '-c', ADDRESS, 'version'], { timeout: 30_000 }).status === 0;

/** @throws where it does not answer */
export function startLibvirt(bench: Workbench): void {
  if (answers()) return;
  run('virtlogd', '-d');
  run('libvirtd', '-d');
  bench.atEnd(() => {
    for (const pid of PIDS) if (existsSync(pid)) process.kill(Number(readFileSync(pid, 'utf8')));
  });
  for (let i = 0; i < 50 && !answers(); i++) run('sleep', '0.2');
  virsh('version');
}

/** Defines a machine, which is gone at the end. @param devices XML of its disks and cards */
export function defineMachine(bench: Workbench, name: string, devices: string, os = OS, more = ''): void {
  const escaped = name.replace(/[&<>]/g, (letter) => `&#${letter.charCodeAt(0)};`);
  const xml = `<domain type='qemu'><name>${escaped}</name><memory unit='MiB'>128</memory><vcpu>2</vcpu>${os}${more}<devices>${devices}</devices></domain>`;
  const path = bench.path('domain.xml');
  writeFileSync(path, xml);
  virsh('define', path);
  bench.atEnd(() => {
    spawnSync('virsh', ['-q', '-c', ADDRESS, 'destroy', `--domain=${name}`]);
    spawnSync('virsh', ['-q', '-c', ADDRESS, 'undefine', '--nvram', `--domain=${name}`]);
  });
}

const OS = "<os><type arch='x86_64' machine='pc'>hvm</type></os>";
export const UEFI = "<os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>";
