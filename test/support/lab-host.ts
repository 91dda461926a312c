/** Another host: a network namespace with an sshd and a libvirtd of its own, both real. What it keeps lies in the bench's folder. */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withoutOthersMounts } from './others-mounts.ts';
import { run, type Workbench } from './workbench.ts';

export interface LabHost {
  /** as places have it: 'root@10.…' */
  readonly address: string;
  /** asks its libvirt, from inside */
  virsh(...args: string[]): string;
  /** runs something there */
  run(...args: string[]): string;
  defineMachine(name: string, devices: string): void;
  /** who is let in: the key that ssh shows here, or nobody's */
  letIn(isLetIn: boolean): void;
  /** what is known of its key here */
  know(what: 'its key' | 'another key' | 'nothing'): void;
  /** all connections to it end, and nobody answers any more, until it is started again */
  stopSsh(): void;
  startSsh(): Promise<void>;
}

const MAX_WAITS = 600;

/** Starts it, and puts an ssh first in the path that knows its keys. Call it before an engine is opened: a thread takes its path from the one that starts it. */
export async function startLabHost(bench: Workbench): Promise<LabHost> {
  // others on this machine may have hosts of their own
  const [a, b, c] = randomBytes(3);
  const network = `10.${128 + (a % 100)}.${b}`;
  const [own, theirs] = [`${network}.${(c & 0xfc) + 1}`, `${network}.${(c & 0xfc) + 2}`];
  const id = [a, b, c].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const namespace = `diskpress-${id}`;
  const cable = `dp${id}`;
  const folder = bench.path('host');
  const path = (...names: string[]) => join(folder, ...names);
  for (const name of ['', 'run', 'lib', 'etc', 'log', 'cache', 'keys', 'bin'])
    mkdirSync(path(name), { recursive: true });
  for (const key of ['host', 'other', 'person'])
    run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', path('keys', key));

  run('ip', 'netns', 'add', namespace);
  bench.atEnd(() => {
    // whatever a failed test has left there holds the network
    const left = spawnSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' })
      .stdout.trim()
      .split(/\s+/)
      .filter(Boolean);
    if (left.length > 0) spawnSync('kill', ['-KILL', ...left]);
    spawnSync('ip', ['netns', 'del', namespace]);
  });
  run('ip', 'link', 'add', `${cable}a`, 'type', 'veth', 'peer', 'name', `${cable}b`, 'netns', namespace);
  run('ip', 'addr', 'add', `${own}/30`, 'dev', `${cable}a`);
  run('ip', 'link', 'set', `${cable}a`, 'up');
  const within = ['netns', 'exec', namespace];
  run('ip', ...within, 'ip', 'addr', 'add', `${theirs}/30`, 'dev', `${cable}b`);
  run('ip', ...within, 'ip', 'link', 'set', `${cable}b`, 'up');
  run('ip', ...within, 'ip', 'link', 'set', 'lo', 'up');

  run('cp', '-a', '/etc/libvirt/.', path('etc'));
  rmSync(path('etc/qemu'), { recursive: true, force: true });
  const letIn = (isLetIn: boolean) =>
    writeFileSync(path('keys/authorized'), isLetIn ? readFileSync(path('keys/person.pub')) : '');
  letIn(true);
  const sshd = [
    `ListenAddress ${theirs}`,
    `HostKey ${path('keys/host')}`,
    `AuthorizedKeysFile ${path('keys/authorized')}`,
    `PidFile ${path('sshd.pid')}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'PermitRootLogin yes',
  ];
  writeFileSync(path('sshd_config'), `${sshd.join('\n')}\n`);
  // what the daemons keep is theirs alone; the first process holds the namespace of mounts
  const script = [
    'set -e',
    ...withoutOthersMounts(bench.folder),
    ...['run', 'etc', 'lib', 'log', 'cache'].map((name) => {
      const place = {
        run: '/run',
        etc: '/etc/libvirt',
        lib: '/var/lib/libvirt',
        log: '/var/log/libvirt',
        cache: '/var/cache/libvirt',
      }[name];
      return `mkdir -p ${place}; mount --bind ${path(name)} ${place}`;
    }),
    'mkdir -p /run/sshd',
    'virtlogd -d -p /run/virtlogd.pid',
    'libvirtd -d -p /run/libvirtd.pid',
    `echo $$ > ${path('holder.pid')}`,
    'exec cat > /dev/null',
  ];
  const holder = spawn(
    'ip',
    [...within, 'unshare', '--mount', '--propagation', 'private', 'sh', '-c', script.join('\n')],
    {
      stdio: ['pipe', 'ignore', 'inherit'],
    },
  );
  const pidOf = (file: string) => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0);
  const end = (file: string) => {
    const pid = pidOf(file);
    if (pid > 1) spawnSync('kill', ['-KILL', `${pid}`]);
  };
  bench.atEnd(async () => {
    stopSsh();
    for (const name of ['libvirtd', 'virtlogd']) end(path('run', `${name}.pid`));
    const ended = new Promise((resolve) => holder.once('close', resolve));
    holder.stdin.end();
    await ended;
  });
  await until(() => pidOf(path('holder.pid')) > 0);
  const inside = (...args: string[]) =>
    run('nsenter', '--target', `${pidOf(path('holder.pid'))}`, '--mount', '--net', '--', ...args);

  function stopSsh() {
    const pid = pidOf(path('sshd.pid'));
    if (pid < 2) return;
    // each connection has processes of its own, which are its children; what they run there is left alone
    const all = spawnSync('ps', ['-eo', 'pid=,ppid=,comm='], { encoding: 'utf8' }).stdout.trim().split('\n');
    const parents = new Map<number, number>();
    for (const line of all) {
      const [, one, parent] = /^\s*(\d+)\s+(\d+)\s+sshd/.exec(line) ?? [];
      if (one !== undefined) parents.set(Number(one), Number(parent));
    }
    const isBelow = (one: number): boolean => one === pid || (parents.has(one) && isBelow(parents.get(one)!));
    for (const one of [...parents.keys()].filter(isBelow)) spawnSync('kill', ['-KILL', `${one}`]);
    rmSync(path('sshd.pid'), { force: true });
  }
  async function startSsh() {
    inside('/usr/sbin/sshd', '-f', path('sshd_config'));
    await until(() => pidOf(path('sshd.pid')) > 0);
  }
  await startSsh();

  const know = (what: 'its key' | 'another key' | 'nothing') => {
    const key = { 'its key': 'host', 'another key': 'other', nothing: null }[what];
    writeFileSync(path('keys/known'), key ? `${theirs} ${readFileSync(path('keys', `${key}.pub`), 'utf8')}` : '');
  };
  know('its key');
  const config = [
    'Host *',
    `IdentityFile ${path('keys/person')}`,
    'IdentitiesOnly yes',
    `UserKnownHostsFile ${path('keys/known')}`,
  ];
  writeFileSync(path('ssh_config'), `${[...config, 'GlobalKnownHostsFile /dev/null'].join('\n')}\n`);
  writeFileSync(path('bin/ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F ${path('ssh_config')} "$@"\n`);
  chmodSync(path('bin/ssh'), 0o755);
  const before = process.env.PATH;
  process.env.PATH = `${path('bin')}:${before}`;
  bench.atEnd(() => (process.env.PATH = before));

  const virsh = (...args: string[]) => inside('virsh', '-q', '-c', 'qemu:///system', ...args);
  await until(
    () =>
      spawnSync(
        'nsenter',
        ['--target', `${pidOf(path('holder.pid'))}`, '--mount', '--net', '--', 'virsh', '-q', 'version'],
        { timeout: 30_000 },
      ).status === 0,
  );
  return {
    address: `root@${theirs}`,
    virsh,
    run: inside,
    defineMachine(name, devices) {
      const xml = `<domain type='qemu'><name>${name}</name><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='pc'>hvm</type></os><devices>${devices}</devices></domain>`;
      writeFileSync(path('domain.xml'), xml);
      virsh('define', path('domain.xml'));
    },
    letIn,
    know,
    stopSsh,
    startSsh,
  };
}

/** By its outcome, however long it takes. */
async function until(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < MAX_WAITS; i++) {
    if (isSo()) return;
    await sleep(100);
  }
  throw new Error('it did not come about');
}
