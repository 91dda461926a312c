/** A real Debian, changed as planned, and asked by its own programs: is it what was asked for, and can it be logged into. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { GuestSettingsSchema, IDENTITY_THINGS } from '../../../src-engine/contract/deploy.contract.ts';
import { sha512Crypt } from '../../../src-engine/core/sha512-crypt.ts';
import { recogniseFileSystem } from '../../../src-engine/filesystems/recognise.ts';
import { planGuestChanges } from '../../../src-engine/guest/customise/plan-guest-changes.ts';
import { loadEndOfLife } from '../../../src-engine/guest/end-of-life.ts';
import { inspectGuest } from '../../../src-engine/guest/inspect-guest.ts';
import { openGuestFiles } from '../../../src-engine/guest/open-guest-files.ts';
import { fileSource } from '../../support/file-source.ts';
import { carryOut } from '../../support/guest-changes.ts';
import { realGuest } from '../../support/real-guests.ts';
import { canLoop, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const table = await loadEndOfLife(resolve(import.meta.dirname, '../../../resources/end-of-life.yaml'));
const NOW_MS = Date.UTC(2026, 0, 1);

const settings = GuestSettingsSchema.parse({
  hostname: 'lab-01',
  domain: 'example.org',
  network: [
    { card: 'ens3', ipv4: { addresses: ['10.1.1.7/24'], gateway: '10.1.1.1' }, ipv6: 'none', dns: ['10.1.1.2'] },
    { card: '2', ipv4: 'dhcp', ipv6: 'auto' },
  ],
  users: [
    { name: 'teacher', passwordHash: sha512Crypt('a secret'), sshKeys: ['ssh-ed25519 AAAA lab'], groups: ['adm'] },
  ],
  timezone: 'Europe/Paris',
  keyboard: 'fr',
  files: [{ path: '/etc/motd', base64: Buffer.from('lab\n').toString('base64') }],
  firstBoot: [{ name: 'one', base64: Buffer.from('#!/bin/sh\nid -un\n').toString('base64') }],
});

test('its own programs find what was asked for', async ({ skip }) => {
  if (!canLoop) return skip('mounting needs Linux and root');
  const guest = await realGuest(bench, 'trixie');
  if ('missing' in guest) return skip(guest.missing);
  const image = bench.path('guest.img');
  run('cp', '--sparse=always', guest.image, image);

  const signal = new AbortController().signal;
  const source = await fileSource(image);
  bench.atEnd(() => source.close());
  const { kind, label, uuid, browse } = (await recogniseFileSystem(source))!;
  const volumes = [{ ref: '1', label, uuid, kind, tree: await browse!(), recognised: null }];
  const told = await inspectGuest({ volumes, firstSectors: new Uint8Array(512) }, table, signal);
  const { files } = (await openGuestFiles(volumes, signal))!;
  const identity = { fresh: new Set(IDENTITY_THINGS), hexFor: () => 'fedcba98'.repeat(4) };
  const plan = await planGuestChanges({ files, guest: told, settings, identity, volumes, nowMs: NOW_MS });

  const point = bench.mount(image, 'loop');
  const keysBefore = readFileSync(join(point, 'etc/ssh/ssh_host_ed25519_key.pub'), 'utf8');
  carryOut(point, plan.changes);
  const inside = (command: string) =>
    run('chroot', point, '/bin/sh', '-c', `export PATH=/usr/sbin:/usr/bin:/sbin:/bin; ${command}`).trim();

  expect(inside('cat /etc/hostname; getent hosts lab-01')).toBe('lab-01\n127.0.1.1       lab-01.example.org lab-01');
  expect(inside('ifquery --list -a').split('\n').sort()).toEqual(['ens3', 'lo']);
  expect(inside('ifquery ens3')).toContain('address: 10.1.1.7');
  expect(inside('id teacher')).toBe('uid=1000(teacher) gid=1000(teacher) groups=1000(teacher),4(adm)');
  expect(inside('pwck -r -q || true; grpck -r')).toBe('');
  expect(inside('runuser -l teacher -c "echo \\$HOME; ls -A; cat .ssh/authorized_keys"')).toBe(
    '/home/teacher\n.bash_logout\n.bashrc\n.profile\n.ssh\nssh-ed25519 AAAA lab',
  );
  expect(inside('date -d @0 +%Z:%H')).toBe('CET:01');
  expect(
    inside(
      'systemd-analyze verify /etc/systemd/system/diskpress-first-boot.service /etc/systemd/system/diskpress-ssh-host-keys.service 2>&1 | grep diskpress || true',
    ),
  ).toBe('');
  // what the unit does at the first start
  expect(inside('ls /etc/ssh | grep -c host_ || true')).toBe('0');
  expect(
    inside(
      `sed -n 's/^ExecStart=//p' /etc/systemd/system/diskpress-ssh-host-keys.service | sh >/dev/null; mkdir -p /run/sshd; sshd -t && echo good`,
    ),
  ).toBe('good');
  expect(readFileSync(join(point, 'etc/ssh/ssh_host_ed25519_key.pub'), 'utf8')).not.toBe(keysBefore);
  expect(inside('sh /etc/diskpress/first-boot/run && cat /var/log/diskpress-one.log')).toMatch(
    /\nroot\nended .*exit code 0$/,
  );
  expect(readFileSync(join(point, 'etc/machine-id'), 'utf8')).toBe('');
  expect(existsSync(join(point, 'var/cache/apt/archives/partial'))).toBe(true);
  expect(inside('dpkg --audit')).toBe('');
  expect(plan.notes.filter(({ isPossible }) => !isPossible)).toEqual([]);
});
