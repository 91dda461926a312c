/** The real libvirt of this machine: its daemons are started where they do not run. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { run, type Workbench } from './workbench.ts';

export const ADDRESS = 'qemu:///system';

export const virsh = (...args: string[]) => run('virsh', '-q', '-c', ADDRESS, ...args);

const answers = () => spawnSync('virsh', ['-q', '-c', ADDRESS, 'version'], { timeout: 30_000 }).status === 0;

/** So long after the last who asked, the daemons end by themselves: no test file ends them under another. */
const IDLE_SECONDS = '900';

/** Whoever keeps the logs is asked only when a machine starts: it stays as long as all tests may take. */
const LOG_IDLE_SECONDS = '3600';

/** @throws where it does not answer */
export function startLibvirt(): void {
  for (let i = 0; i < 50; i++) {
    // where another test file has started them just now, these end at once
    spawnSync('virtlogd', ['-d', '-t', LOG_IDLE_SECONDS], { timeout: 30_000 });
    if (answers()) break;
    spawnSync('libvirtd', ['-d', '-t', IDLE_SECONDS], { timeout: 30_000 });
    run('sleep', '0.2');
  }
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

/** A storage pool that is a folder of the bench, started; gone at the end. @returns its folder */
export function definePool(bench: Workbench, name: string, folder = bench.path(name)): string {
  run('mkdir', '-p', folder);
  spawnSync('virsh', ['-q', '-c', ADDRESS, 'pool-destroy', `--pool=${name}`]);
  spawnSync('virsh', ['-q', '-c', ADDRESS, 'pool-undefine', `--pool=${name}`]);
  virsh('pool-define-as', name, 'dir', '--target', folder);
  virsh('pool-start', `--pool=${name}`);
  bench.atEnd(() => {
    spawnSync('virsh', ['-q', '-c', ADDRESS, 'pool-destroy', `--pool=${name}`]);
    spawnSync('virsh', ['-q', '-c', ADDRESS, 'pool-undefine', `--pool=${name}`]);
  });
  return folder;
}

/** Whatever machines of that name there are when the tests end are gone then. */
export function removeAtEnd(bench: Workbench, ...names: string[]): void {
  bench.atEnd(() => {
    for (const name of names) {
      spawnSync('virsh', ['-q', '-c', ADDRESS, 'destroy', `--domain=${name}`]);
      spawnSync('virsh', ['-q', '-c', ADDRESS, 'undefine', '--nvram', `--domain=${name}`]);
    }
  });
}

export const domainNames = (): string[] => virsh('list', '--all', '--name').split('\n').filter(Boolean);
