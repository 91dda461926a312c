/** The host name in systems of all kinds, and in files as people and hostile guests leave them. */
import { describe, expect, test } from 'vitest';
import { plannedFor } from '../../../support/guest-changes.ts';
import type { MemoryFiles } from '../../../support/memory-tree.ts';

const DEBIAN: MemoryFiles = {
  '/etc/os-release': 'ID=debian\nVERSION_ID=12\n',
  '/etc/debian_version': '12.5\n',
  '/etc/hostname': 'golden\n',
  '/etc/hosts': '127.0.0.1\tlocalhost\n127.0.1.1\tgolden.lab.test golden\n\n::1     localhost ip6-localhost\n',
};
const CENTOS_6: MemoryFiles = {
  '/etc/redhat-release': 'CentOS release 6.10 (Final)\n',
  '/etc/sysconfig/network': '# made by anaconda\nNETWORKING=yes\nHOSTNAME=golden.lab.test\nGATEWAY=10.0.0.1\n',
  '/etc/hosts': '127.0.0.1   localhost golden.lab.test golden\n',
};
const hosts = async (text: string | Buffer, settings = {}, hostname = 'golden') =>
  (
    await plannedFor(
      { ...DEBIAN, '/etc/hosts': text, '/etc/hostname': `${hostname}\n` },
      { hostname: 'lab-01', ...settings },
    )
  ).text('/etc/hosts');

test('Debian: the file, and the line that the installer made', async () => {
  const plan = await plannedFor(DEBIAN, { hostname: 'lab-01', domain: 'example.org' });
  expect(plan.text('/etc/hostname')).toBe('lab-01\n');
  expect(plan.text('/etc/hosts')).toBe(
    '127.0.0.1\tlocalhost\n127.0.1.1\tlab-01.example.org lab-01\n\n::1     localhost ip6-localhost\n',
  );
  expect(plan.told).toEqual(['hostname written-to']);
});

test('CentOS 6 has it in /etc/sysconfig/network, with the domain; what else stands there stays', async () => {
  const plan = await plannedFor(CENTOS_6, { hostname: 'lab-01', domain: 'example.org' });
  expect(plan.text('/etc/sysconfig/network')).toBe(
    '# made by anaconda\nNETWORKING=yes\nHOSTNAME=lab-01.example.org\nGATEWAY=10.0.0.1\n',
  );
  expect(plan.text('/etc/hosts')).toBe('127.0.0.1   localhost lab-01.example.org lab-01\n');
  expect(plan.change('/etc/hostname')).toBeUndefined();
});

test('comments of /etc/hostname stay', async () => {
  const plan = await plannedFor({ ...DEBIAN, '/etc/hostname': '# set by us\ngolden' }, { hostname: 'lab-01' });
  expect(plan.text('/etc/hostname')).toBe('# set by us\nlab-01\n');
});

test('only the domain: the name that the guest has', async () => {
  const plan = await plannedFor(DEBIAN, { domain: 'example.org' });
  expect(plan.text('/etc/hosts')).toContain('127.0.1.1\tgolden.example.org golden\n');
});

test.each([
  ['no line has the name', '127.0.0.1 localhost\n# end\n', '127.0.0.1 localhost\n127.0.1.1\tlab-01\n# end\n'],
  ['no newline at the end', '127.0.0.1 localhost', '127.0.0.1 localhost\n127.0.1.1\tlab-01\n'],
  [
    'lines of another system',
    '127.0.0.1 localhost\r\n127.0.1.1 golden\r\n',
    '127.0.0.1 localhost\r\n127.0.1.1 lab-01\r\n',
  ],
  ['other cases, twice, a comment', '127.0.1.1 Golden golden #golden\n', '127.0.1.1 lab-01 #golden\n'],
  [
    'names that only begin alike',
    '127.0.1.1 golden\n10.0.0.9 golden-db goldenx\n',
    '127.0.1.1 lab-01\n10.0.0.9 golden-db goldenx\n',
  ],
  ['it is there', '127.0.1.1 lab-01\n', null],
])('/etc/hosts: %s', async (_, text, expected) => {
  expect(await hosts(text)).toBe(expected);
});

test('/etc/hosts: bytes that are no UTF-8 stay', async () => {
  const text = Buffer.from('127.0.0.1 localhost # caf\xe9\n10.0.0.2 \xfcber\n127.0.1.1 golden\n', 'latin1');
  expect(await hosts(text)).toBe('127.0.0.1 localhost # caf\xe9\n10.0.0.2 \xfcber\n127.0.1.1 lab-01\n');
});

test('/etc/hosts: the line with the address of the old machine gives the new one', async () => {
  const text = '127.0.0.1 localhost\n192.168.1.5 golden.lab.test golden\n';
  expect(await hosts(text)).toBe('127.0.0.1 localhost\n192.168.1.5 lab-01.lab.test lab-01\n');
  const network = [{ card: 'eth0', ipv4: { addresses: ['10.1.1.7/24'] }, ipv6: 'auto' as const }];
  expect(await hosts(text, { network })).toBe('127.0.0.1 localhost\n10.1.1.7 lab-01.lab.test lab-01\n');
});

describe('a new name leaves the machine in its domain', () => {
  test.each<[string, MemoryFiles, string, string]>([
    ['that /etc/hosts says', {}, 'lab-01\n', '127.0.1.1\tlab-01.lab.test lab-01\n'],
    [
      'that stands in /etc/hostname, with it',
      { '/etc/hostname': 'golden.example.org\n', '/etc/hosts': '127.0.1.1 golden.example.org golden\n' },
      'lab-01.example.org\n',
      '127.0.1.1 lab-01.example.org lab-01\n',
    ],
    [
      'that stands alone beside an address of its own, in other cases',
      { '/etc/hosts': '127.0.1.1 Golden.example.org\n' },
      'lab-01\n',
      '127.0.1.1 lab-01.example.org lab-01\n',
    ],
    [
      'but not in that of a name that nobody gave',
      { '/etc/hostname': 'localhost.localdomain\n', '/etc/hosts': '127.0.0.1 localhost\n' },
      'lab-01\n',
      '127.0.1.1\tlab-01\n',
    ],
    [
      'but not in that of another machine',
      { '/etc/hosts': '127.0.0.1 localhost\n10.0.0.9 golden-db.example.org golden-db\n' },
      'lab-01\n',
      '127.0.1.1\tlab-01\n',
    ],
    [
      'but in none that is no domain',
      { '/etc/hosts': '127.0.1.1 golden.a;reboot golden\n' },
      'lab-01\n',
      '127.0.1.1 lab-01\n',
    ],
  ])('%s', async (_, files, name, line) => {
    const plan = await plannedFor({ ...DEBIAN, ...files }, { hostname: 'lab-01' });
    expect(plan.text('/etc/hostname')).toBe(name);
    expect(plan.text('/etc/hosts')).toContain(line);
  });

  test('unless it says another', async () => {
    const plan = await plannedFor(DEBIAN, { hostname: 'lab-01.example.net' });
    expect(plan.text('/etc/hosts')).toContain('127.0.1.1\tlab-01.example.net lab-01\n');
    const both = await plannedFor({ ...DEBIAN, '/etc/hostname': 'golden.lab.test\n' }, { domain: 'example.net' });
    expect(both.text('/etc/hostname')).toBe('golden.example.net\n');
    expect(both.text('/etc/hosts')).toContain('127.0.1.1\tgolden.example.net golden\n');
  });

  test('CentOS 6, whose name has it', async () => {
    const plan = await plannedFor(CENTOS_6, { hostname: 'lab-01' });
    expect(plan.text('/etc/sysconfig/network')).toContain('HOSTNAME=lab-01.lab.test\n');
    expect(plan.text('/etc/hosts')).toBe('127.0.0.1   localhost lab-01.lab.test lab-01\n');
  });

  test('also where cloud-init sets it once more', async () => {
    const files = { '/usr/bin/cloud-init': '', '/etc/cloud/cloud.cfg': 'datasource_list: []\n' };
    const plan = await plannedFor({ ...DEBIAN, ...files }, { hostname: 'lab-01' });
    expect(plan.text('/var/lib/cloud/seed/nocloud/user-data')).toContain('fqdn: "lab-01.lab.test"');
  });
});

describe('hostile guests', () => {
  test.each(['$(reboot)', 'a"b\'c', '.*', 'x\ny', 'localhost', ''])(
    'what it calls itself is compared, not run: %j',
    async (old) => {
      expect(await hosts('127.0.0.1 localhost\n10.0.0.2 other\n', {}, old)).toBe(
        '127.0.0.1 localhost\n127.0.1.1\tlab-01\n10.0.0.2 other\n',
      );
    },
  );

  test('its name is not written anywhere when only the domain is asked for', async () => {
    const plan = await plannedFor({ ...DEBIAN, '/etc/hostname': 'a;reboot\n' }, { domain: 'example.org' });
    expect(plan.changes).toEqual([]);
    expect(plan.told).toEqual(['-hostname hostname-unknown']);
  });

  test.each([
    ['a folder', { '/etc/hosts/x': '' }, 'file-not-regular'],
    ['a fifo', { '/etc/hosts': { kind: 'fifo' as const } }, 'file-not-regular'],
    ['a file of 1 GB', { '/etc/hosts': { lengthBytes: 2 ** 30 } }, 'file-too-long'],
    ['a link to itself', { '/etc/hosts': '-> hosts' }, 'file-unreadable'],
  ])('/etc/hosts is %s: nothing is half done', async (_, files, code) => {
    const rest = Object.fromEntries(Object.entries(DEBIAN).filter(([path]) => path !== '/etc/hosts'));
    const plan = await plannedFor({ ...rest, ...files }, { hostname: 'lab-01' });
    expect(plan.changes).toEqual([]);
    expect(plan.told).toEqual([`-hostname ${code}`]);
  });

  test('links lead to what they lead to inside the guest', async () => {
    const moved = {
      '/srv/etc/os-release': 'ID=debian\nVERSION_ID=12\n',
      '/srv/etc/hostname': '-> ../../../../../../../../../real',
      '/real': 'golden\n',
    };
    const plan = await plannedFor({ ...moved, '/etc': '-> /../../srv/etc' }, { hostname: 'lab-01' });
    expect(plan.changes.map(({ path }) => path)).toEqual(['/real', '/srv/etc/hosts']);
  });
});
