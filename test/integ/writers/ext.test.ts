/** Changes inside ext2, ext3 and ext4, judged by e2fsck and by what the kernel or debugfs finds there. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { EngineError } from '../../../src-engine/core/engine-error.ts';
import { AT_BYTES, change, empty, folder, link, remove, write } from '../../support/written-volumes.ts';
import { writeTree, type GuestTree } from '../../support/guests.ts';
import { canLoop, MIB, run, runWithInput, workbench } from '../../support/workbench.ts';

const bench = workbench();
let count = 0;

const TREE: GuestTree = {
  '/etc/hostname': 'template\n',
  '/etc/hosts': '127.0.0.1 localhost\n',
  '/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
  '/etc/resolv.conf': '-> ../run/resolv.conf',
  '/etc/ssh/ssh_host_rsa_key': 'private',
  '/var/log/syslog': 'old\n',
  '/var/log/apt/history.log': 'old\n',
  '/var/log/journal/a/system.journal': 'old\n',
  '/usr/lib/os-release': 'ID=debian\n',
  '/lib': '-> usr/lib',
  '/data': '-> /srv/data',
  '/srv/data/old': 'old\n',
};

/** An image with an ext file system from {@link AT_BYTES} on. */
function ext(kind: string, tree: GuestTree = TREE, mib = 16, ...options: string[]): string {
  const folder = bench.path(`tree-${count++}`);
  writeTree(folder, tree);
  const image = bench.file(`disk-${count}.img`, mib * MIB + AT_BYTES);
  run(`mkfs.${kind}`, '-q', '-F', '-d', folder, '-E', `offset=${AT_BYTES}`, ...options, image, `${mib}M`);
  return image;
}

const at = (image: string) => `${image}?offset=${AT_BYTES}`;
const debugfs = (image: string, request: string) => run('debugfs', '-R', request, at(image));
/** Of data that lies inside an inode debugfs shows what is behind its end too. */
const cat = (image: string, path: string) => debugfs(image, `cat "${path.replaceAll('"', '""')}"`).replace(/\0+$/, '');
const names = (image: string, path: string) =>
  debugfs(image, `ls -p "${path}"`)
    .split('\n')
    .map((line) => line.split('/'))
    // what was deleted is listed with inode 0
    .filter(([, inode, , , , name]) => inode !== '0' && name && name !== '.' && name !== '..')
    .map((fields) => fields[5])
    .sort();
const expectSound = (image: string) => run('e2fsck', '-fn', at(image));

const refusal = (changing: Promise<void>): Promise<Pick<EngineError, 'code' | 'data'>> =>
  changing.then(
    () => expect.unreachable('it was to fail'),
    ({ code, data }: EngineError) => ({ code, data }),
  );

describe.each([
  ['ext2', []],
  ['ext3', []],
  ['ext4', []],
  ['ext4', ['-O', 'inline_data,quota']],
  ['ext4', ['-O', 'bigalloc', '-b', '4096', '-C', '16384']],
  ['ext4', ['-b', '1024', '-I', '128', '-O', '^metadata_csum,^64bit']],
])('%s %s', (kind, options) => {
  test('gets files, links and folders, loses others, and stays sound', async () => {
    const image = ext(kind, TREE, 16, ...options);
    await change(image, [
      write('/etc/hostname', 'lab-01\n'),
      write('/etc/resolv.conf', 'nameserver 192.0.2.1\n'),
      write('/root/.ssh/authorized_keys', 'ssh-ed25519 AAAA\n', { mode: 0o600, owner: { userId: 0, groupId: 0 } }),
      write('/home/ada/notes', 'x'.repeat(300_000), { mode: 0o640, owner: { userId: 70_000, groupId: 100 } }),
      write('/lib/new', 'through a link\n'),
      write('/data/new', 'through an absolute link\n'),
      remove('/etc/ssh/ssh_host_rsa_key'),
      remove('/nothing/here'),
      empty('/etc/machine-id'),
      empty('/var/log'),
      folder('/home/bob', 0o700, 1001, 1002),
      folder('/etc', 0o750, 0, 5),
      link('/etc/localtime', '/usr/share/zoneinfo/Europe/Paris'),
    ]);
    expectSound(image);
    expect(cat(image, '/etc/hostname')).toBe('lab-01\n');
    expect(cat(image, '/etc/resolv.conf')).toBe('nameserver 192.0.2.1\n');
    expect(debugfs(image, 'stat /etc/resolv.conf')).toMatch(/Type: regular\s+Mode:\s+0644/);
    expect(debugfs(image, 'stat /root/.ssh/authorized_keys')).toMatch(/Mode:\s+0600/);
    expect(debugfs(image, 'stat /home/ada/notes')).toMatch(/Mode:\s+0640[\s\S]*User:\s+70000\s+Group:\s+100/);
    expect(cat(image, '/home/ada/notes')).toHaveLength(300_000);
    expect(debugfs(image, 'stat /home/bob')).toMatch(/Mode:\s+0700[\s\S]*User:\s+1001\s+Group:\s+1002/);
    expect(debugfs(image, 'stat /etc')).toMatch(/Type: directory\s+Mode:\s+0750[\s\S]*Group:\s+5/);
    expect(cat(image, '/usr/lib/new')).toBe('through a link\n');
    expect(cat(image, '/srv/data/new')).toBe('through an absolute link\n');
    expect(names(image, '/etc/ssh')).toEqual([]);
    expect(debugfs(image, 'stat /etc/machine-id')).toMatch(/Size:\s+0/);
    expect(names(image, '/var/log')).toEqual([]);
    expect(debugfs(image, 'stat /etc/localtime')).toContain('/usr/share/zoneinfo/Europe/Paris');
    expect(cat(image, '/etc/hosts')).toBe('127.0.0.1 localhost\n');
    if (!canLoop) return;
    const point = bench.mount(image, `ro,loop,offset=${AT_BYTES}`);
    expect(readFileSync(`${point}/etc/hostname`, 'utf8')).toBe('lab-01\n');
    expect(readFileSync(`${point}/home/ada/notes`, 'utf8')).toHaveLength(300_000);
    bench.unmount(point);
  });
});

test('what lies at the top of a volume is replaced and removed after what lies below', async () => {
  const image = ext('ext4', { ...TREE, '/initrd.img': 'old', '/old.cfg': 'old', '/etc/initrd.img': 'not this one' });
  await change(image, [write('/etc/hostname', 'lab-01\n'), write('/initrd.img', 'new'), remove('/old.cfg')]);
  expectSound(image);
  expect(cat(image, '/initrd.img')).toBe('new');
  expect(cat(image, '/etc/initrd.img')).toBe('not this one');
  expect(names(image, '/')).not.toContain('old.cfg');
});

describe('names', () => {
  test('that a script could misread are names', async () => {
    const odd = ['/etc/a "b"; rm x', "/etc/-rf it's", '/etc/<12>', '/etc/#hash', '/etc/  two  ', '/etc/$(id)`id`\\'];
    const image = ext('ext4', { ...TREE, ...Object.fromEntries(odd.map((path) => [path, 'old'])) });
    await change(image, [...odd.map((path) => write(path, path)), remove(odd[0])]);
    expectSound(image);
    for (const path of odd.slice(1)) expect(cat(image, path)).toBe(path);
    expect(names(image, '/etc')).not.toContain('a "b"; rm x');
    expect(names(image, '/')).toEqual(['data', 'etc', 'lib', 'lost+found', 'srv', 'usr', 'var']);
  });

  test('of any bytes go with the folder that they are in', async () => {
    const image = ext('ext4', { ...TREE, '/var/log/a\nrm -f "/etc/hosts"': 'x', '/var/log/b\r': 'x' });
    const folder = Buffer.from(
      'mkdir "/var/log/caf\xe9"\ncd "/var/log/caf\xe9"\nwrite /dev/null "\xff ""\xfe"\n',
      'latin1',
    );
    const script = bench.path('script');
    writeFileSync(script, folder);
    run('debugfs', '-w', '-f', script, at(image));
    await change(image, [empty('/var/log')]);
    expectSound(image);
    expect(names(image, '/var/log')).toEqual([]);
    expect(cat(image, '/etc/hosts')).toBe('127.0.0.1 localhost\n');
  });
});

describe('attributes', () => {
  const label = (image: string, path: string) =>
    /security\.selinux \(\d+\) = (.*)/.exec(debugfs(image, `ea_list ${path}`))?.[1] ?? null;

  test('of what is replaced stay, new files get the label of their folder', async () => {
    const image = ext('ext4');
    const value = bench.path('value');
    const set = (path: string, name: string, bytes: Buffer) => {
      writeFileSync(value, bytes);
      run('debugfs', '-w', '-R', `ea_set -f ${value} ${path} ${name}`, at(image));
    };
    set('/etc', 'security.selinux', Buffer.from('system_u:object_r:etc_t:s0\0'));
    set('/etc/hostname', 'security.selinux', Buffer.from('system_u:object_r:hostname_etc_t:s0\0'));
    set('/etc/hostname', 'user.note', Buffer.from([0, 255, 10, 34]));
    set('/etc/hostname', 'security.capability', Buffer.alloc(20, 1));
    const before = [label(image, '/etc/hostname'), debugfs(image, 'ea_get -x /etc/hostname user.note')];
    await change(image, [write('/etc/hostname', 'lab\n'), write('/etc/new/deep', 'x'), link('/etc/l', 'x')]);
    expectSound(image);
    expect([label(image, '/etc/hostname'), debugfs(image, 'ea_get -x /etc/hostname user.note')]).toEqual(before);
    expect(debugfs(image, 'ea_list /etc/hostname')).not.toContain('capability');
    for (const path of ['/etc/new', '/etc/new/deep', '/etc/l']) expect(label(image, path)).toBe(label(image, '/etc'));
  });

  test('owner and permissions stay where no others are asked for', async () => {
    const image = ext('ext4');
    run('debugfs', '-w', '-R', 'set_inode_field /etc/hosts mode 0100604', at(image));
    run('debugfs', '-w', '-R', 'set_inode_field /etc/hosts uid 12', at(image));
    await change(image, [write('/etc/hosts', 'new\n')]);
    expect(debugfs(image, 'stat /etc/hosts')).toMatch(/Mode:\s+0604[\s\S]*User:\s+12\s+Group:\s+0/);
  });
});

describe('a hostile guest', () => {
  const unsafe = (reason: string, path = '/etc/shadow') => ({ code: 'GUEST_UNSAFE', data: { path, reason } });
  const made = (...requests: string[]) => {
    const image = ext('ext4');
    runWithInput(requests.join('\n'), 'debugfs', '-w', '-f', '-', at(image));
    expectSound(image);
    return image;
  };

  test.each([
    [
      'whose /etc leads out',
      ['rm /etc/x', 'symlink /outside /tmp/elsewhere', 'symlink /e /outside'],
      '/e/x',
      'link-to-nothing',
    ],
    ['whose folder leads up and out', ['symlink /e ../../../tmp/elsewhere'], '/e/x', 'link-to-nothing'],
    ['with links in a circle', ['symlink /a b', 'symlink /b a'], '/a/x', 'link-loop'],
    ['with a pipe for a file', ['cd /etc', 'mknod shadow p'], '/etc/shadow', 'fifo'],
    ['with a folder for a file', ['mkdir /etc/shadow'], '/etc/shadow', 'folder'],
    ['with a device on the way', ['mknod disk b 8 0'], '/disk/x', 'block-device'],
    ['with a device behind a link', ['mknod disk c 1 3', 'symlink /e /disk'], '/e/x', 'character-device'],
    ['with a file for a folder', [], '/etc/hosts/x', 'file-in-the-way'],
  ])('%s is refused, and nothing is written', async (_, requests, path, reason) => {
    const image = made(...requests);
    const before = readFileSync(image);
    const changes = [write('/etc/hostname', 'changed\n'), write(path, 'x')];
    expect(await refusal(change(image, changes))).toEqual(unsafe(reason, path));
    expect(readFileSync(image).equals(before)).toBe(true);
  });

  test.each([
    ['/etc/../x', 'path'],
    ['etc/x', 'path'],
    ['/etc/a\nb', 'name'],
    [`/etc/${'x'.repeat(256)}`, 'too-long'],
  ])('%j is no path', async (path, reason) => {
    expect(await refusal(change(ext('ext2'), [write(path, 'x')]))).toEqual(unsafe(reason, path));
  });

  test('what leads up from its root stays in it', async () => {
    const image = made('symlink /up ../../../../etc');
    await change(image, [write('/up/hostname', 'inside\n')]);
    expect(cat(image, '/etc/hostname')).toBe('inside\n');
  });

  test('whose volume is full is told by the path', async () => {
    const changes = [write('/small', 'x'), write('/big', Buffer.alloc(20 * MIB, 1)), write('/etc/hostname', 'x')];
    const full = await refusal(change(ext('ext4'), changes));
    expect(full).toEqual({ code: 'GUEST_CHANGE_IMPOSSIBLE', data: { path: '/big', reason: 'volume-full' } });
  });

  test('without a free inode is told by the path', async () => {
    const image = ext('ext4', { '/etc/hostname': 'x' }, 16, '-N', '16');
    const changes = Array.from({ length: 40 }, (_, i) => write(`/new ${i}`, 'x'));
    const { code, data } = await refusal(change(image, changes));
    expect({ code, data }).toMatchObject({ code: 'GUEST_CHANGE_IMPOSSIBLE', data: { reason: 'volume-full' } });
    expect(data.path).toMatch(/^\/new \d+$/);
  });

  test.skipIf(!canLoop)('with ten thousand files in a folder loses all of them', async () => {
    const image = ext('ext4', TREE, 64, '-N', '12000');
    const point = bench.mount(image, `loop,offset=${AT_BYTES}`);
    for (let i = 0; i < 10_000; i++) writeFileSync(`${point}/var/log/entry number ${i}`, '');
    bench.unmount(point);
    await change(image, [empty('/var/log')]);
    expectSound(image);
    expect(names(image, '/var/log')).toEqual([]);
  });
});

/** A volume whose journal holds what is not in its place yet: its kernel was stopped in the middle. */
test.skipIf(!canLoop)('a journal that was not replayed is replayed first', async () => {
  const image = ext('ext4');
  const point = bench.mount(image, `loop,offset=${AT_BYTES}`);
  writeFileSync(`${point}/etc/hosts`, 'only in the journal\n');
  run('sync', '-f', point);
  const crashed = bench.path('crashed.img');
  copyFileSync(image, crashed);
  bench.unmount(point);
  expect(run('dumpe2fs', '-h', at(crashed))).toContain('needs_recovery');
  await change(crashed, [write('/etc/hostname', 'lab\n')]);
  expectSound(crashed);
  expect(run('dumpe2fs', '-h', at(crashed))).not.toContain('needs_recovery');
  expect(cat(crashed, '/etc/hostname')).toBe('lab\n');
  expect(cat(crashed, '/etc/hosts')).toBe('only in the journal\n');
});

test.skipIf(!canLoop)('a device that is held exclusively is written to', async () => {
  const image = ext('ext4');
  const device = bench.attach(image);
  await change(image, [write('/etc/hostname', 'lab\n')], { device });
  bench.detach(device);
  expectSound(image);
  expect(cat(image, '/etc/hostname')).toBe('lab\n');
});

test('a folder with an index of hashes takes new names, and the kernel finds them', async () => {
  const many = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`/many/a name that takes room ${i}`, '']));
  const image = ext('ext4', many, 32, '-N', '4096');
  run('e2fsck', '-fyD', at(image));
  expect(debugfs(image, 'stat /many')).toMatch(/Flags: 0x81000/);
  await change(image, [write('/many/new', 'x'), write('/many/a name that takes room 7', 'changed')]);
  expectSound(image);
  expect(cat(image, '/many/a name that takes room 7')).toBe('changed');
});
