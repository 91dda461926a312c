/** A libvirtd of one test file alone, in namespaces of its own, which may be stopped and started: what it keeps lies in the bench's folder. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withoutOthersMounts } from './others-mounts.ts';
import { run, type Workbench } from './workbench.ts';

export interface OwnLibvirt {
  /** as virsh takes it */
  readonly address: string;
  virsh(...args: string[]): string;
  /** Its machines run on. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

const PLACES = {
  run: '/run',
  etc: '/etc/libvirt',
  lib: '/var/lib/libvirt',
  log: '/var/log/libvirt',
  cache: '/var/cache/libvirt',
} as const;

/** @param more of a shell, done in its namespaces before it starts */
export async function startOwnLibvirt(bench: Workbench, more: readonly string[] = []): Promise<OwnLibvirt> {
  const path = (...names: string[]) => bench.path('own-libvirt', ...names);
  for (const name of Object.keys(PLACES)) mkdirSync(path(name), { recursive: true });
  run('chmod', '-R', 'a+x', path());
  run('cp', '-a', '/etc/libvirt/.', path('etc'));
  // neither machines nor networks of others
  rmSync(path('etc/qemu'), { recursive: true, force: true });
  const mounts = Object.entries(PLACES).map(
    ([name, place]) => `mkdir -p ${place}; mount --bind '${path(name)}' ${place}`,
  );
  const script = [
    'set -e',
    ...withoutOthersMounts(bench.folder),
    ...mounts,
    ...more,
    'virtlogd -d -p /run/virtlogd.pid',
    `echo $$ > '${path('holder')}'`,
    'exec cat',
  ];
  const holder = spawn('unshare', ['--mount', '--net', '--propagation', 'private', 'sh', '-c', script.join('\n')], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const pidIn = (file: string) => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0);
  const socket = path('run/libvirt/libvirt-sock');
  const address = `qemu+unix:///system?socket=${socket}`;
  const pidFile = path('run/own-libvirtd.pid');
  const isThere = (pid: number) => pid > 1 && existsSync(join('/proc', `${pid}`));
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await sleep(100);
  };
  const virsh = (...args: string[]) => run('virsh', '-q', '-c', address, ...args);

  async function stop() {
    const pid = pidIn(pidFile);
    if (pid > 1) spawnSync('kill', [`${pid}`]);
    await until(() => !isThere(pid));
    rmSync(pidFile, { force: true });
  }
  async function start() {
    run(
      'nsenter',
      ...['--target', `${pidIn(path('holder'))}`, '--mount', '--net', '--'],
      ...['libvirtd', '-d', '-p', '/run/own-libvirtd.pid'],
    );
    await until(() => spawnSync('virsh', ['-q', '-c', address, 'version'], { timeout: 30_000 }).status === 0);
  }

  await until(() => pidIn(path('holder')) > 0);
  bench.atEnd(async () => {
    if (isThere(pidIn(pidFile)))
      for (const id of virsh('list', '--uuid').split(/\s+/).filter(Boolean)) virsh('destroy', `--domain=${id}`);
    await stop();
    const logs = pidIn(path('run/virtlogd.pid'));
    if (logs > 1) spawnSync('kill', [`${logs}`]);
    const ended = new Promise((resolve) => holder.once('close', resolve));
    holder.stdin.end();
    await ended;
  });
  await start();
  return { address, virsh, stop, start };
}

/** @returns its name @param disk raw */
export function defineOwn({ virsh }: OwnLibvirt, bench: Workbench, name: string, disk: string): string {
  const xml = bench.path(`${name}.xml`);
  writeFileSync(
    xml,
    `<domain type='qemu'><name>${name}</name><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features><devices><disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk></devices></domain>`,
  );
  virsh('define', xml);
  return name;
}
