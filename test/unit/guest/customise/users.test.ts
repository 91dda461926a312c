/** Users, passwords, groups and keys, in files as guests have them. */
import { describe, expect, test } from 'vitest';
import { NOW_MS, plannedFor } from '../../../support/guest-changes.ts';
import type { MemoryFiles } from '../../../support/memory-tree.ts';

const HASH = '$6$salt$aaaaaaaaaaaaaaaaaaaa';
const TODAY = NOW_MS / 86_400_000;
const KEY = 'ssh-ed25519 AAAAC3Nz teacher@lab';

const DEBIAN: MemoryFiles = {
  '/etc/os-release': 'ID=debian\nVERSION_ID=12\n',
  '/etc/debian_version': '12.5\n',
  '/etc/passwd':
    'root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/usr/sbin/nologin\npupil:x:1000:1000:P,,,:/home/pupil:/bin/sh\n',
  '/etc/shadow': 'root:*:19000:0:99999:7:::\npupil:$6$old$x:19000:1:90:14:30:20000:\n',
  '/etc/group': 'root:x:0:\nsudo:x:27:pupil\nadm:x:4:\npupil:x:1000:\n',
  '/etc/gshadow': 'root:*::\nsudo:*::pupil\nadm:*::\npupil:!::\n',
  '/etc/login.defs': '# see login.defs(5)\nUID_MIN\t1000\nUID_MAX\t60000\nUMASK 022\nHOME_MODE 0700\n',
  '/etc/skel/.bashrc': '# shell\n',
  '/etc/subuid': 'pupil:100000:65536\n',
  '/etc/ssh/sshd_config': 'PermitRootLogin prohibit-password\n',
  '/etc/sudoers': '%sudo ALL=(ALL:ALL) ALL\n',
  '/bin/bash': '',
  '/home/pupil/.ssh/authorized_keys': { content: 'ssh-rsa AAAA old', owner: [1000, 1000], mode: 0o600 },
};
const plan = (user: Record<string, unknown>, files: MemoryFiles = {}) =>
  plannedFor({ ...DEBIAN, ...files }, { users: [user as never] });

test('a new user', async () => {
  const done = await plan({ name: 'teacher', passwordHash: HASH, groups: ['sudo', 'adm'], sshKeys: [KEY] });
  expect(done.text('/etc/passwd')).toBe(
    `${DEBIAN['/etc/passwd'] as string}teacher:x:1001:1001::/home/teacher:/bin/bash\n`,
  );
  expect(done.text('/etc/shadow')).toBe(`${DEBIAN['/etc/shadow'] as string}teacher:${HASH}:${TODAY}:0:99999:7:::\n`);
  expect(done.text('/etc/group')).toBe(
    'root:x:0:\nsudo:x:27:pupil,teacher\nadm:x:4:teacher\npupil:x:1000:\nteacher:x:1001:\n',
  );
  expect(done.text('/etc/gshadow')).toBe('root:*::\nsudo:*::pupil,teacher\nadm:*::teacher\npupil:!::\nteacher:!::\n');
  expect(done.text('/etc/subuid')).toBe('pupil:100000:65536\nteacher:165536:65536\n');
  const owner = { userId: 1001, groupId: 1001 };
  expect(done.change('/home/teacher')).toMatchObject({ kind: 'folder', mode: 0o700, owner });
  expect(done.change('/home/teacher/.bashrc')).toMatchObject({ kind: 'write', mode: 0o644, owner });
  expect(done.change('/home/teacher/.ssh')).toMatchObject({ kind: 'folder', mode: 0o700, owner });
  expect(done.change('/home/teacher/.ssh/authorized_keys')).toMatchObject({ mode: 0o600, owner, isSecret: true });
  expect(done.text('/home/teacher/.ssh/authorized_keys')).toBe(`${KEY}\n`);
  expect(done.told).toEqual(['users user-made', 'users ssh-keys-added']);
});

test('folders come before what is put into them', async () => {
  const paths = (await plan({ name: 'teacher', sshKeys: [KEY] })).changes
    .map(({ path }) => path)
    .filter((path) => path.startsWith('/home'));
  expect(paths).toEqual([...paths].sort());
});

test('one who is there: password and keys change, everything else stays', async () => {
  const done = await plan({
    name: 'pupil',
    passwordHash: HASH,
    groups: ['sudo'],
    sshKeys: [KEY, 'ssh-rsa AAAA old', KEY],
  });
  expect(done.text('/etc/shadow')).toBe(`root:*:19000:0:99999:7:::\npupil:${HASH}:${TODAY}:1:90:14:30:20000:\n`);
  expect(done.text('/home/pupil/.ssh/authorized_keys')).toBe(`ssh-rsa AAAA old\n${KEY}\n`);
  expect(['/etc/passwd', '/etc/group', '/etc/gshadow'].map((path) => done.change(path))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test('root, with a key only: no password is touched', async () => {
  const done = await plan({ name: 'root', sshKeys: [KEY] });
  expect(done.change('/etc/shadow')).toBeUndefined();
  expect(done.change('/root/.ssh/authorized_keys')).toMatchObject({ owner: { userId: 0, groupId: 0 }, mode: 0o600 });
});

test('two users in one plan have two ids', async () => {
  const done = await plannedFor(DEBIAN, { users: [{ name: 'a' }, { name: 'b' }] });
  expect(done.text('/etc/passwd')).toMatch(/a:x:1001:1001:.*\nb:x:1002:1002:/);
});

test('CentOS 6: ids from 500, wheel for sudo, a rule of its own', async () => {
  const done = await plannedFor(
    {
      '/etc/redhat-release': 'CentOS release 6.10 (Final)\n',
      '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\n',
      '/etc/shadow': 'root:!!:1:0:99999:7:::\n',
      '/etc/group': 'root:x:0:\nwheel:x:10:\n',
      '/etc/sudoers': '# %wheel ALL=(ALL) ALL\n#includedir /etc/sudoers.d\n',
      '/bin/bash': '',
    },
    { users: [{ name: 'lab', groups: ['sudo'], passwordHash: HASH }] },
  );
  expect(done.text('/etc/passwd')).toContain('lab:x:500:500::/home/lab:/bin/bash\n');
  expect(done.text('/etc/group')).toContain('wheel:x:10:lab\n');
  expect(done.change('/etc/sudoers.d/diskpress')).toMatchObject({ mode: 0o440 });
  expect(done.change('/home/lab')).toMatchObject({ mode: 0o700 });
  expect(done.told).toEqual(['users user-made', 'users sudo-rule-added']);
});

describe('files as people leave them', () => {
  test('lines of a directory service stay the last ones; no newline at the end', async () => {
    const done = await plan({ name: 'x' }, { '/etc/passwd': 'root:x:0:0::/root:/bin/sh\n+@staff::::::\n+::::::' });
    expect(done.text('/etc/passwd')).toBe(
      'root:x:0:0::/root:/bin/sh\nx:x:1000:1001::/home/x:/bin/bash\n+@staff::::::\n+::::::',
    );
  });

  test('bytes that are no UTF-8, doubles, comments', async () => {
    const passwd = Buffer.from(
      '# caf\xe9\nroot:x:0:0::/root:/bin/sh\npupil:x:1000:1000:Ren\xe9:/home/pupil:/bin/sh\npupil:x:2000:2000::/:/bin/sh\n',
      'latin1',
    );
    const done = await plan({ name: 'x' }, { '/etc/passwd': passwd });
    expect(done.text('/etc/passwd')).toBe(`${passwd.toString('latin1')}x:x:2001:2001::/home/x:/bin/bash\n`);
  });

  test('a password in the file that everybody reads does not stay there', async () => {
    const done = await plan(
      { name: 'old', passwordHash: HASH },
      { '/etc/passwd': 'old:abJnggxhB/yWI:1005:1000::/home/old:/bin/sh\n' },
    );
    expect(done.text('/etc/passwd')).toBe('old:x:1005:1000::/home/old:/bin/sh\n');
    expect(done.text('/etc/shadow')).toContain(`old:${HASH}:${TODAY}:`);
  });

  test('a full range of ids: the lowest that is free; none', async () => {
    const full = { '/etc/login.defs': 'UID_MIN 1000\nUID_MAX 1002\n' };
    const two = 'a:x:1002:1::/:/bin/sh\nb:x:1000:1::/:/bin/sh\n';
    expect((await plan({ name: 'x' }, { ...full, '/etc/passwd': two })).text('/etc/passwd')).toContain('x:x:1001:');
    expect((await plan({ name: 'x' }, { ...full, '/etc/passwd': `${two}c:x:1001:1::/:/bin/sh\n` })).told).toEqual([
      '-users no-free-id',
    ]);
  });

  test.each([
    ['$y$j9T$abc$def', 'libcrypt.so.1.1.0', 'users user-made'],
    ['$y$j9T$abc$def', 'libcrypt-2.24.so', '-users hash-unknown'],
    ['$6$abc$def', 'libcrypt-2.24.so', 'users user-made'],
  ])('a hash that the guest cannot check would lock its user out: %s with %s', async (passwordHash, library, first) => {
    const done = await plan({ name: 'x', passwordHash }, { [`/lib/x86_64-linux-gnu/${library}`]: '' });
    expect(done.told[0]).toBe(first);
  });

  test.each([
    ['AuthorizedKeysFile /etc/ssh/keys/%u\n', ['-users ssh-keys-read-elsewhere']],
    ['AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2\n', ['users user-changed', 'users ssh-keys-added']],
    [
      '#AuthorizedKeysFile none\nMatch User x\n  AuthorizedKeysFile none\n',
      ['users user-changed', 'users ssh-keys-added'],
    ],
    ['AllowUsers teacher admin\n', ['users user-changed', '-users ssh-refuses-user', 'users ssh-keys-added']],
    [
      'Include /etc/ssh/sshd_config.d/*.conf\nAllowUsers pupil\n',
      ['users user-changed', '-users ssh-refuses-user', 'users ssh-keys-added'],
    ],
  ])('what sshd is told counts: %j', async (config, told) => {
    const done = await plan(
      { name: 'pupil', sshKeys: [KEY] },
      {
        '/etc/ssh/sshd_config': config,
        '/etc/ssh/sshd_config.d/10-lab.conf': 'AllowUsers teacher\n',
      },
    );
    expect(done.told).toEqual(told);
  });
});

describe('hostile guests', () => {
  test.each([
    ['/etc/shadow is a fifo', { '/etc/shadow': { kind: 'fifo' as const } }, 'file-not-regular'],
    ['/etc/shadow is a folder', { '/etc/shadow': { kind: 'folder' as const } }, 'file-not-regular'],
    ['/etc/shadow is not there', { '/etc/shadow': '-> /nowhere' }, 'file-missing'],
    ['/etc/group has a gigabyte', { '/etc/group': { lengthBytes: 2 ** 30 } }, 'file-too-long'],
    ['an id is no number', { '/etc/passwd': 'x:x:1000$(id):0::/home/x:/bin/sh\n' }, 'account-line'],
    ['an id is above all', { '/etc/passwd': 'x:x:4294967295:0::/home/x:/bin/sh\n' }, 'account-line'],
    ['a line has too few fields', { '/etc/passwd': 'x:x:1000\n' }, 'account-line'],
    ['a home leads upwards', { '/etc/passwd': 'x:x:1000:0::/home/../etc:/bin/sh\n' }, 'account-line'],
  ])('%s: nothing of the user is written', async (_, files, code) => {
    const done = await plan({ name: 'x', passwordHash: HASH, sshKeys: [KEY] }, files);
    expect(done.told).toEqual([`-users ${code}`]);
    expect(done.changes).toEqual([]);
  });

  test.each([
    ['.ssh', { '/home/pupil/.ssh': '-> /root/.ssh' }],
    ['authorized_keys', { '/home/pupil/.ssh/authorized_keys': '-> /etc/cron.d/x' }],
  ])('a link for %s in a home folder is not followed', async (_, links) => {
    const rest = Object.fromEntries(Object.entries(DEBIAN).filter(([path]) => !path.startsWith('/home/')));
    const done = await plannedFor({ ...rest, ...links }, { users: [{ name: 'pupil', sshKeys: [KEY] }] });
    expect(done.told).toEqual(['-users link-in-home']);
    expect(done.changes).toEqual([]);
  });

  test('one that cannot be done leaves the others', async () => {
    const done = await plannedFor(
      { ...DEBIAN, '/etc/passwd': `${DEBIAN['/etc/passwd'] as string}bad:x:::::\n` },
      { users: [{ name: 'bad', passwordHash: HASH }, { name: 'good' }] },
    );
    expect(done.told.slice(0, 2)).toEqual(['-users account-line', 'users user-made']);
    expect(done.text('/etc/passwd')).toContain('good:x:1001:');
  });
});
