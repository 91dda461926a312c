/**
 * The whole life of a virtual machine, on a real Debian: a running one with two disks is captured and started again, becomes three that answer
 * over their consoles with names, addresses and cards of their own, is captured live, starts instantly from its template, and goes from a bare
 * disk to a machine and back. Minutes: `npm test -- machines`.
 */
import { execFile, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { boot } from '../boot/console.ts';
import { debianDisk, PASSWORD } from '../boot/debian-disk.ts';
import { ADDRESS, startLibvirt, virsh } from '../support/libvirt.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

if (!canLoop) console.warn('SKIPPED: the life of a machine needs root on Linux, for its disks');

const exec = promisify(execFile);
const SOURCE = 'life-source';
const POOL = 'life-pool';
const PATIENCE_MS = 900_000;
const POWER_BUTTON = `#!/bin/sh
modprobe -a evdev button
systemd-run sh -c 'sleep 2; for f in /dev/input/event*; do (head -c 24 $f >/dev/null; systemctl poweroff) & done; wait'
`;

describe.skipIf(!canLoop)('a virtual machine', { timeout: PATIENCE_MS }, () => {
  const bench = workbench();
  const pool = bench.path('pool');
  const catalog = bench.path('catalog');
  const made: string[] = [];

  /** The built command line, as a person calls it. @returns its result line */
  async function diskpress(...args: string[]): Promise<Record<string, unknown>> {
    const cli = new URL('../../out/main/cli.js', import.meta.url).pathname;
    const { stdout } = await exec(process.execPath, [cli, '--catalog', catalog, '--json', ...args], {
      timeout: PATIENCE_MS,
      maxBuffer: 64 * MIB,
    }).catch((error: { stdout?: string }) => {
      throw new Error(`${args.join(' ')}: ${error.stdout?.trim().split('\n').at(-1) ?? String(error)}`);
    });
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, unknown>;
  }

  const state = (name: string) => virsh('domstate', `--domain=${name}`).trim();
  const off = (name: string) => {
    if (state(name) === 'running') virsh('destroy', `--domain=${name}`);
  };

  /** Talks to a machine that runs, over its console. @returns all that it said until it said that */
  async function talk(name: string, steps: readonly (readonly [until: RegExp, say: string])[]): Promise<string> {
    const tty = virsh('ttyconsole', `--domain=${name}`).trim();
    const listener = spawn('cat', [tty], { stdio: ['ignore', 'pipe', 'ignore'] });
    let said = '';
    listener.stdout.setEncoding('latin1').on('data', (text: string) => (said += text));
    try {
      let heard = 0;
      for (const [until, say] of steps) {
        for (let waited = 0; !until.test(said.slice(heard)); waited += 500) {
          if (waited > PATIENCE_MS / 2) throw new Error(`${name} did not say ${String(until)}: ${said.slice(-500)}`);
          // whoever came too late asks for the prompt again
          if (waited % 15_000 === 14_500 && /login/.test(String(until))) writeFileSync(tty, '\n');
          await sleep(500);
        }
        heard = said.length;
        if (say !== '') writeFileSync(tty, `${say}\n`);
      }
      return said;
    } finally {
      listener.kill();
    }
  }

  const logIn = (hostName: string, command: string) =>
    [
      [new RegExp(`${hostName} login: *$`), 'root'],
      [/Password: *$/, PASSWORD],
      [/# *$/, `${command}; echo done-$((40+2))`],
      [/done-42/, ''],
    ] as const;

  beforeAll(async () => {
    startLibvirt();
    run('chmod', 'a+x', bench.folder);
    mkdirSync(pool, { mode: 0o711 });
    virsh('pool-define-as', POOL, 'dir', '--target', pool);
    virsh('pool-start', POOL);
    const golden = await debianDisk(4096 * MIB);
    // as small as it is, nothing in it hears the power button
    writeFileSync(bench.path('power.sh'), POWER_BUTTON);
    await diskpress('capture', golden, '--name', 'golden');
    const how = ['--disk-format', 'qcow2', '--identity', 'keep', '--first-boot', bench.path('power.sh')];
    await diskpress('deploy', 'golden', bench.path('system.qcow2'), ...how);
    const data = bench.file('data.img', 64 * MIB);
    run('mkfs.ext4', '-q', '-L', 'data', data);
    const disk = (path: string, format: string, name: string) =>
      `<disk type='file' device='disk'><driver name='qemu' type='${format}'/><source file='${path}'/><target dev='${name}' bus='virtio'/></disk>`;
    writeFileSync(
      bench.path('source.xml'),
      `<domain type='qemu'><name>${SOURCE}</name><memory unit='MiB'>512</memory><vcpu>1</vcpu>
       <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
       <devices>${disk(bench.path('system.qcow2'), 'qcow2', 'vda')}${disk(data, 'raw', 'vdb')}
       <interface type='user'><model type='virtio'/></interface><serial type='pty'/><console type='pty'/></devices></domain>`,
    );
    virsh('define', bench.path('source.xml'));
    made.push(SOURCE);
    virsh('start', `--domain=${SOURCE}`);
  });

  // what nobody asks for some minutes ends by itself
  beforeEach(() => startLibvirt());

  afterAll(() => {
    startLibvirt();
    for (const name of made) {
      for (const args of [['destroy'], ['undefine', '--nvram', '--checkpoints-metadata']]) {
        spawn('virsh', ['-q', '-c', ADDRESS, args[0], `--domain=${name}`, ...args.slice(1)]);
      }
    }
    virsh('pool-destroy', POOL);
    virsh('pool-undefine', POOL);
  });

  it('that runs is captured with both disks, and started again', async () => {
    await talk(SOURCE, [[/golden login: *$/, '']]);
    await diskpress('capture', `libvirt:${SOURCE}`, '--name', 'lab', '--shut-down', '--outside', 'take');
    expect(state(SOURCE)).toBe('running');
  });

  it('becomes three, which boot and answer with their own names, addresses and cards', async () => {
    const names = ['life-1', 'life-2', 'life-3'];
    made.push(...names);
    await diskpress(
      'deploy',
      'lab',
      'libvirt:life-{n}',
      ...['--count', '3', '--pool', POOL, '--net', 'user', '--memory', '512', '--hostname', 'life-{n}', '--start'],
      ...['--network', '1=10.0.2.11/24,gateway=10.0.2.2'],
    );
    off(SOURCE);
    const answers = await Promise.all(
      names.map((name) =>
        talk(name, logIn(name, 'cat /sys/class/net/e*/address; ip -4 -br addr; lsblk -dno NAME,SIZE')),
      ),
    );
    const macs = answers.map((answer) => /52:54:00(?::[\da-f]{2}){3}/.exec(answer)?.[0]);
    expect(new Set(macs).size).toBe(3);
    for (const [i, answer] of answers.entries()) {
      expect(answer).toContain(`10.0.2.1${i + 1}/24`);
      expect(answer).toMatch(/vda +4G/);
      expect(answer).toMatch(/vdb +64M/);
    }
    for (const name of names) off(name);
  });

  it('is captured while it runs, and that boots', async () => {
    virsh('start', `--domain=${SOURCE}`);
    await talk(SOURCE, [[/golden login: *$/, '']]);
    await diskpress('capture', `libvirt:${SOURCE}`, '--name', 'lab live', '--live', '--outside', 'take');
    expect(state(SOURCE)).toBe('running');
    off(SOURCE);
    const answer = await diskpress('boot', 'lab live', '--timeout', '600');
    expect(answer).toMatchObject({ ok: true });
  });

  it('starts instantly, and boots again without the catalog', async () => {
    made.push('life-now');
    await diskpress(
      'deploy',
      'lab',
      'libvirt:life-now',
      ...['--instant', '--pool', POOL, '--net', 'user', '--memory', '512', '--hostname', 'life-now'],
    );
    await talk('life-now', [[/life-now login: *$/, '']]);
    off('life-now');
    renameSync(catalog, `${catalog}-away`);
    virsh('start', '--domain=life-now');
    await talk('life-now', [[/life-now login: *$/, '']]);
    off('life-now');
    renameSync(`${catalog}-away`, catalog);
  });

  it('is made of a bare disk, and becomes one', async () => {
    const golden = await debianDisk(4096 * MIB);
    const bare = bench.path('bare.img');
    copyFileSync(golden, bare);
    await diskpress('capture', bare, '--name', 'bare');
    made.push('life-bare');
    await diskpress(
      'deploy',
      'bare',
      'libvirt:life-bare',
      ...['--pool', POOL, '--net', 'user', '--memory', '512', '--hostname', 'life-bare', '--start'],
    );
    await talk('life-bare', [[/life-bare login: *$/, '']]);
    off('life-bare');
    const disk = bench.path('disk.img');
    await diskpress('deploy', 'lab', disk, '--disk', '1', '--hostname', 'life-disk');
    const { answers } = await boot(disk, 'bios', ['hostname'], PATIENCE_MS / 2);
    expect(answers[0]).toContain('life-disk');
  });
});
