/** A real Debian, deployed with a name, a user and a fresh identity, starts up and answers with them. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';
import { boot } from './console.ts';
import { debianDisk, rootOf } from './debian-disk.ts';

const DISK_BYTES = 4 * 1024 * MIB;
const BOOT_TIMEOUT_MS = 540_000;

describe.skipIf(!canLoop)('a Debian disk', () => {
  const bench = workbench();
  const target = bench.path('changed.img');
  let golden: string;
  let engine: TestEngine;
  beforeAll(async () => {
    golden = await debianDisk(DISK_BYTES);
    engine = await openEngine(bench.path('catalog'));
    bench.atEnd(() => engine.close());
  });

  it('deployed with a name, a user and a fresh identity has them when it runs', async () => {
    resultOf(await engine.capture(golden, 'debian'));
    run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', bench.path('key'));
    const key = readFileSync(bench.path('key.pub'), 'utf8').trim();
    const settings = { hostname: 'lab-07', users: [{ name: 'ada', sshKeys: [key], groups: [] }] };
    const params = { template: 'debian', target, identity: 'fresh' as const, settings };
    const { planId, canRun, identifiers } = await engine.client.call('deploy.plan', params);
    expect(canRun).toBe(true);
    const { inside } = resultOf(await engine.ended((await engine.client.call('deploy.start', { planId })).jobId));
    expect(inside!.sameFiles).toBeGreaterThan(5000);
    // of the EFI partition's file system and of the root's; of the disk, and of its three partitions
    expect(inside!.identifiers).toEqual(identifiers);
    expect(identifiers.map(({ of }) => of).toSorted()).toEqual([
      'disk',
      ...['file-system', 'file-system'],
      ...['partition', 'partition', 'partition'],
    ]);

    const at = (image: string) => `${image}?offset=${rootOf(DISK_BYTES).startBytes}`;
    const before = run('debugfs', '-R', 'cat /etc/ssh/ssh_host_ed25519_key.pub', at(golden)).trim();
    const beforeId = run('debugfs', '-R', 'cat /etc/machine-id', at(golden)).trim();
    const { answers } = await boot(
      target,
      'bios',
      [
        'hostname',
        'cat /etc/machine-id',
        'systemctl start diskpress-ssh-host-keys.service; cat /etc/ssh/ssh_host_ed25519_key.pub',
        'cat /home/ada/.ssh/authorized_keys',
        'stat -c %U:%G:%a /home/ada/.ssh /home/ada/.ssh/authorized_keys',
        'systemctl --failed --no-legend --plain | wc -l',
        'findmnt -no UUID,PARTUUID /',
        'cat /etc/fstab /boot/grub/grub.cfg /proc/cmdline',
        'lsblk -dno PTUUID /dev/vda',
      ],
      BOOT_TIMEOUT_MS,
    );
    const [hostname, machineId, hostKey, userKey, owners, failedUnits, inUse, named, tableId] = answers;
    expect(hostname).toBe('lab-07');
    expect(machineId).toMatch(/^[0-9a-f]{32}$/);
    expect(machineId).not.toBe(beforeId);
    expect(hostKey).toMatch(/^ssh-ed25519 /);
    expect(hostKey).not.toBe(before);
    expect(userKey).toBe(key);
    expect(owners.split(/\r?\n/)).toEqual(['ada:ada:700', 'ada:ada:600']);
    expect(failedUnits).toBe('0');
    const [uuid, partitionUuid] = inUse.split(/\s+/);
    const renewed = (of: string, volume: string) => identifiers.find((one) => one.of === of && one.volume === volume)!;
    expect(uuid).toBe(renewed('file-system', '3').after);
    expect(partitionUuid).toBe(renewed('partition', '3').after);
    expect(tableId.toUpperCase()).toBe(renewed('disk', '').after);
    // fstab; of GRUB's configuration a search and a command line, and that of the kernel which runs
    expect(named.split(uuid)).toHaveLength(5);
    expect(named).not.toContain(renewed('file-system', '3').before);
  });
});
