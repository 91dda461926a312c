/** Guests whose files say anything: nothing is thrown, nothing they say gets into another file, and all changes stay inside the guest. */
import { expect, test } from 'vitest';
import { IDENTITY_THINGS } from '../../../src-engine/contract/deploy.contract.ts';
import { plannedFor } from '../../support/guest-changes.ts';
import type { MemoryFile, MemoryFiles } from '../../support/memory-tree.ts';

const SETTINGS = {
  hostname: 'lab-01',
  domain: 'example.org',
  network: [
    {
      card: 'eth0',
      ipv4: { addresses: ['10.1.1.7/24'], gateway: '10.1.1.1' },
      ipv6: 'none' as const,
      dns: ['10.1.1.2'],
      searchDomains: ['lab.test'],
    },
    { card: '52:54:00:aa:bb:cc', ipv4: 'dhcp' as const, ipv6: 'auto' as const },
  ],
  users: [
    { name: 'teacher', passwordHash: '$6$a$b', sshKeys: ['ssh-ed25519 A'], groups: ['sudo'] },
    { name: 'root', passwordHash: '$6$a$b', sshKeys: ['ssh-ed25519 A'] },
  ],
  timezone: 'Europe/Paris',
  locale: 'fr_FR.UTF-8',
  keyboard: 'fr',
  files: [{ path: '/srv/lab', base64: 'eA==' }],
  firstBoot: [{ name: 'one', base64: 'eA==' }],
};

const RELEASES = [
  'ID=debian\nVERSION_ID=12\n',
  'ID=ubuntu\nVERSION_ID=24.04\n',
  'ID=rhel\nVERSION_ID=9\n',
  'ID=centos\nVERSION_ID=6\n',
  'ID=alpine\nVERSION_ID=3.22\n',
  'ID=opensuse-leap\nVERSION_ID=15.6\n',
  'ID=arch\n',
];

const PATHS = [
  '/etc/hostname',
  '/etc/hosts',
  '/etc/fstab',
  '/etc/passwd',
  '/etc/shadow',
  '/etc/group',
  '/etc/gshadow',
  '/etc/login.defs',
  '/etc/subuid',
  '/etc/sudoers',
  '/etc/ssh/sshd_config',
  '/etc/network/interfaces',
  '/etc/netplan/00.yaml',
  '/etc/NetworkManager/system-connections/x',
  '/etc/systemd/network/x.network',
  '/etc/sysconfig/network',
  '/etc/sysconfig/network-scripts/ifcfg-eth0',
  '/etc/sysconfig/i18n',
  '/etc/sysconfig/keyboard',
  '/etc/default/locale',
  '/etc/default/keyboard',
  '/etc/default/grub',
  '/etc/selinux/config',
  '/etc/iscsi/initiatorname.iscsi',
  '/usr/lib/locale/locale-archive',
  '/usr/share/zoneinfo/Europe/Paris',
  '/usr/bin/cloud-init',
  '/usr/sbin/locale-gen',
  '/usr/share/i18n/locales/fr_FR',
  '/home',
  '/tmp',
  '/var/log',
  '/var/lib/dbus/machine-id',
  '/root/.ssh',
];

/** None of these may stand in what is written, but where it stood before. */
const MARK = 'PWNED';
const TEXTS = [
  '',
  '\n',
  '\0\0\0',
  MARK,
  `${MARK}"; reboot; echo "\n`,
  `\`${MARK}\`$(${MARK})\r\n`,
  'root:x:0:0:root:/root:/bin/sh\nteacher:x:1000:1000::/home/teacher:/bin/sh',
  `teacher:x:-1:${MARK}::/home/${MARK}:\n`,
  `teacher:x:1000:1000::/../../${MARK}:/bin/sh\nroot:x:0:0::/:/bin/sh\n`,
  'root:*:1::::::\n:::\n::::::::\n',
  `sudo:x:27:${MARK},${MARK}\nadm:x:`,
  '127.0.0.1',
  `10.0.0.1 ${MARK}\n127.0.1.1 ${MARK} # ${MARK}`,
  `UUID=x / ext4 ${MARK} 0 1\n/dev/${MARK} /home ext4 defaults 0 0\n/dev/a /../etc ext4 a 0 0`,
  `UID_MIN ${MARK}\nUID_MAX 99999999999999999999\nHOME_MODE 7777\n`,
  `network: {ethernets: {"${MARK} x": {match: {macaddress: "52:54:00:aa:bb:cc"}}}}`,
  'network:\n  ethernets:\n    eth0: &x\n      match: *x\n',
  'network: &a [*a, *a]\n',
  `network:\n  ethernets:\n    ? [${MARK}]\n    : {match: {name: eth0}}\n`,
  `auto eth0 \\\n${MARK}\niface eth0 inet static\n  up ${MARK}\n\\\n`,
  `[connection]\ntype=ethernet\n[${MARK}\n=x\nid=${MARK}`,
  `HWADDR="${MARK}\nHOSTNAME=$(${MARK})\nDHCP_HOSTNAME='${MARK}\nLAYOUT=\nONBOOT=`,
  'SELINUX=enforcing\n',
  Buffer.from([0xff, 0xfe, 0x00, 0x0a, 0xe9, 0x85, 0xc2, 0x0d, 0x0a]),
  `x\n${'a'.repeat(100_000)}`,
  `${'\n'.repeat(50_000)}`,
];
const THINGS: (string | MemoryFile)[] = [
  { kind: 'fifo' },
  { kind: 'socket' },
  { kind: 'block-device' },
  { kind: 'folder' },
  { lengthBytes: 2 ** 30 },
  { lengthBytes: 2 ** 53 },
  '-> /',
  '-> .',
  '-> ../../../../../../..',
  '-> /nowhere',
  '-> /proc/self/root/etc/shadow',
  '-> hosts',
  `-> ${'a/'.repeat(2000)}`,
];

/** Always the same numbers: xorshift. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

test('hundreds of guests of pieces that hurt', async () => {
  const next = numbers(20_260_101);
  let changed = 0;
  for (let i = 0; i < 250; i++) {
    const files: MemoryFiles = { '/etc/os-release': RELEASES[next(RELEASES.length)] };
    for (const path of PATHS) {
      const kind = next(10);
      if (kind < 6) files[path] = TEXTS[next(TEXTS.length)];
      else if (kind < 8) files[path] = THINGS[next(THINGS.length)];
      // a folder or a file below what is none: as it can be nowhere
      if (path === '/home' || path === '/tmp' || path === '/var/log' || path === '/root/.ssh')
        if (kind < 6) delete files[path];
    }
    const before = Object.values(files).map((file) =>
      typeof file === 'string' ? file : Buffer.isBuffer(file) ? file.toString('latin1') : '',
    );
    const lines = new Set(before.flatMap((text) => text.split(/[\r\n]+/)));
    const plan = await plannedFor(files, SETTINGS, next(2) === 0 ? IDENTITY_THINGS : []);
    changed += plan.changes.length;
    const paths = plan.changes.map(({ path }) => path);
    expect(new Set(paths).size).toBe(paths.length);
    for (const change of plan.changes) {
      expect(change.path).toMatch(/^\/[^\0]*$/);
      expect(change.path.split('/')).not.toContain('..');
      if (change.kind !== 'write') continue;
      const strange = Buffer.from(change.bytes)
        .toString('latin1')
        .split(/[\r\n]+/)
        .filter((line) => line.includes(MARK) && !lines.has(line));
      // what stands in a line that is changed stays in its file
      const own = files[change.path];
      const isOwn = (line: string) =>
        typeof own === 'string' &&
        line
          .split(/[\s:=,"#]+/)
          .filter((word) => word.includes(MARK))
          .every((word) => own.includes(word));
      expect(
        strange.filter((line) => !isOwn(line)),
        change.path,
      ).toEqual([]);
    }
    for (const { data } of plan.notes) expect(JSON.stringify(data).length).toBeLessThan(20_000);
  }
  expect(changed).toBeGreaterThan(2500);
});
