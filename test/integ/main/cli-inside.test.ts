/** A deploy that changes what is inside, from the command line: options, tables, what is shown and what is refused. */
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CommandError, DeployPlan } from '../../../src-engine/contract/index.ts';
import { readTable } from '../../../src-main/cli/settings-table.ts';
import { createWords } from '../../../src-main/cli/words.ts';
import { commandLine, lastLine } from '../../support/command-line.ts';
import { ELF, writeTree, type GuestTree } from '../../support/guests.ts';
import { writeMember } from '../../unit/volumes/md-image.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const diskpress = commandLine(bench.path('catalog'));
const ROOT_AT = 2 * MIB;
const PASSWORD = 'correct horse battery staple';

const TREE: GuestTree = {
  '/etc/os-release': 'ID=debian\nVERSION_ID="12"\n',
  '/etc/debian_version': '12.7\n',
  '/etc/hostname': 'template\n',
  '/etc/hosts': '127.0.0.1\tlocalhost\n127.0.1.1\ttemplate\n',
  '/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\n',
  '/etc/shadow': 'root:*:19000:0:99999:7:::\n',
  '/etc/group': 'root:x:0:\nadm:x:4:\n',
  '/etc/gshadow': 'root:*::\nadm:*::\n',
  '/etc/network/interfaces': 'auto lo\niface lo inet loopback\n',
  '/usr/bin/bash': ELF,
  '/usr/sbin/ifup': ELF,
  '/sbin/ifup': ELF,
  '/usr/sbin/sshd': ELF,
  '/usr/lib/systemd/systemd': ELF,
  '/usr/share/zoneinfo/Europe/Paris': readFileSync('/usr/share/zoneinfo/Etc/UTC'),
};

const cat = (image: string, path: string) => run('debugfs', '-R', `cat ${path}`, `${image}?offset=${ROOT_AT}`);

function file(name: string, content: string): string {
  writeFileSync(bench.path(name), content);
  return bench.path(name);
}

beforeAll(async () => {
  const folder = bench.path('tree');
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  writeTree(folder, TREE);
  const source = bench.file('debian.img', 32 * MIB);
  run('sgdisk', '-n', `1:${ROOT_AT / 512}:+24M`, '-t', '1:8300', source);
  run('mkfs.ext4', '-q', '-F', '-d', folder, '-E', `offset=${ROOT_AT}`, source, '24M');
  expect(await diskpress('capture', source, '--name', 'debian')).toMatchObject({ code: 0 });
});

test('what was asked for is shown file by file, is there afterwards, and is told again by `jobs show`', async () => {
  run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', bench.path('key'));
  const key = readFileSync(bench.path('key.pub'), 'utf8');
  const targets = [bench.path('a.img'), bench.path('b.img')];
  const ended = await diskpress(
    ...['deploy', 'debian', ...targets, '--identity', 'fresh', '--keep', 'ssh-host-keys', '--hostname', 'lab-{n:02}'],
    ...['--network', 'eth0=192.0.2.10/24,gateway=192.0.2.1', '--timezone', 'Europe/Paris'],
    ...['--user', 'ada', '--password-file', file('password', `${PASSWORD}\n`), '--ssh-key', bench.path('key.pub')],
    ...['--groups', 'adm', '--user', 'bob', '--ssh-key', bench.path('key.pub')],
    ...['--file', `${file('motd', 'welcome\n')}=/etc/motd,mode=640`],
  );
  expect(ended).toMatchObject({ code: 0 });
  expect(ended.out).toContain('/etc/hostname  written (Host name)\n    - template\n    + lab-01\n');
  expect(ended.out).toContain('Everything else is the template’s');
  targets.forEach((target, i) => {
    expect(run('e2fsck', '-fn', `${target}?offset=${ROOT_AT}`)).toContain('files');
    expect(cat(target, '/etc/hostname')).toBe(`lab-0${i + 1}\n`);
    expect(cat(target, '/etc/network/interfaces')).toContain(`192.0.2.1${i}`);
    expect(cat(target, '/etc/group')).toContain('adm:x:4:ada\n');
    for (const user of ['ada', 'bob']) expect(cat(target, `/home/${user}/.ssh/authorized_keys`)).toContain(key.trim());
    expect(run('debugfs', '-R', 'stat /etc/motd', `${target}?offset=${ROOT_AT}`)).toMatch(/Mode:\s+0640/);
  });
  const hash = /^ada:([^:]+):/m.exec(cat(targets[0], '/etc/shadow'))![1];
  const [, , salt] = hash.split('$');
  expect(run('openssl', 'passwd', '-6', '-salt', salt, PASSWORD).trim()).toBe(hash);
  expect(ended.out + ended.err).not.toContain(PASSWORD);
  expect(ended.out + ended.err).not.toContain(hash);

  const [job] = lastLine(await diskpress('--json', 'jobs')).value;
  const shown = await diskpress('jobs', 'show', job.id.slice(0, 8));
  expect(shown).toMatchObject({ code: 0 });
  expect(shown.out).toContain('/etc/machine-id');
  expect(shown.out).not.toContain(hash);
  const told = lastLine(await diskpress('--json', 'jobs', 'show', job.id));
  expect(told.value.parts[1].result.inside.changes.map(({ path }: { path: string }) => path)).toContain('/etc/motd');
});

test('what is not there ends with its own exit code', async () => {
  expect(await diskpress('jobs', 'show', 'nope')).toMatchObject({
    code: 3,
    err: expect.stringContaining('JOB_NOT_FOUND'),
  });
  expect(await diskpress('files', 'debian', '/nope')).toMatchObject({ code: 3, err: expect.stringContaining('/nope') });
});

test('a size is said as people write it, and is of whole sectors', async () => {
  const target = bench.path('sized.img');
  const plan = (size: string) => diskpress('--json', 'deploy', 'debian', target, '--size', size, '--plan');
  expect(lastLine(await plan('3GiB')).value.target.lengthBytes).toBe(3 * 2 ** 30);
  const { code, out } = await plan('3000000001');
  const { checks } = JSON.parse(out.trim().split('\n')[0]).value as DeployPlan;
  const told = { length: 3_000_000_001, sectorBytes: 512, below: 3_000_000_000, above: 3_000_000_512 };
  expect([code, checks.find((check) => check.code === 'TARGET_NO_WHOLE_SECTORS')]).toMatchObject([5, { data: told }]);
});

test('new identifiers are told with the old ones, and can be kept', async () => {
  const target = bench.path('ids.img');
  const plan = (...more: string[]) => diskpress('deploy', 'debian', target, '--plan', '--identity', 'fresh', ...more);
  const told = await plan();
  expect(told.out).toMatch(/File system 1 {2}[\da-f-]{36} → [\da-f-]{36}/);
  const things = ['file-system-uuids', 'disk-ids', 'lvm-uuids'].flatMap((thing) => ['--keep', thing]);
  expect((await plan(...things)).out).not.toContain('New identifiers');
});

test('a file that another setting writes is not put in its place, nor two in one', async () => {
  const text = file('welcome', 'welcome\n');
  for (const options of [
    ['--hostname', 'zork', '--file', `${text}=/etc/hostname`],
    ['--file', `${text}=/etc/motd`, '--file', `${text}=/etc/motd`],
  ]) {
    const ended = await diskpress('deploy', 'debian', bench.path('twice.img'), ...options);
    expect(ended.code).toBe(5);
    expect(ended.out + ended.err).toContain('is written by another setting already');
  }
  // what an identity clears may be given anew
  const id = file('id', 'fedcba9876543210fedcba9876543210\n');
  const given = [bench.path('given.img'), '--identity', 'fresh', '--file', `${id}=/etc/machine-id`];
  expect(await diskpress('deploy', 'debian', ...given)).toMatchObject({ code: 0 });
  expect(cat(given[0], '/etc/machine-id')).toBe('fedcba9876543210fedcba9876543210\n');
});

test('the same target twice is refused at the plan', async () => {
  const target = bench.path('same.img');
  const ended = await diskpress('deploy', 'debian', target, target, '--plan');
  expect(ended).toMatchObject({ code: 5, out: '' });
  expect(ended.err).toContain('TARGET_TWICE');
});

test('one half of a mirror is not changed', async () => {
  const [tree, mirror, image] = [bench.path('half-tree'), bench.path('half.md'), bench.file('half.img', 40 * MIB)];
  mkdirSync(tree, { recursive: true });
  writeTree(tree, TREE);
  run('sgdisk', '-n', '1:2048:+32M', '-t', '1:fd00', image);
  // a member of a RAID 1 with metadata of version 1.0 is its file system, with the superblock behind it
  const member = Buffer.alloc(32 * MIB);
  bench.file('half.md', 24 * MIB);
  run('mkfs.ext4', '-q', '-F', '-d', tree, mirror);
  readFileSync(mirror).copy(member);
  writeMember(member, { version: '1.0', level: 1, devices: 2, dataBytes: 24 * MIB });
  writeFileSync(mirror, member);
  run('dd', `if=${mirror}`, `of=${image}`, 'bs=1M', 'seek=1', 'conv=notrunc');
  expect(await diskpress('capture', image, '--name', 'half', '--outside', 'take')).toMatchObject({ code: 0 });
  const ended = await diskpress('deploy', 'half', bench.path('half.deployed.img'), '--hostname', 'new');
  expect(ended.code).toBe(5);
  expect(ended.err).toContain('one half of a mirror');
});

describe('a table', () => {
  test('in CSV or YAML gives each target its own, beside what all have', async () => {
    const [a, b, c] = ['ta.img', 'tb.img', 'tc.img'].map((name) => bench.path(name));
    const csv = `target,hostname,network\n${a},desk-1,"eth0=192.0.2.77/24,gateway=192.0.2.1"\n"${b}",desk-2,\n`;
    const options = ['--timezone', 'Europe/Paris'];
    expect(await diskpress('deploy', 'debian', '--table', file('t.csv', csv), ...options)).toMatchObject({ code: 0 });
    expect([a, b].map((image) => cat(image, '/etc/hostname'))).toEqual(['desk-1\n', 'desk-2\n']);
    expect(cat(a, '/etc/network/interfaces')).toContain('192.0.2.77');
    expect(cat(b, '/etc/network/interfaces')).toBe(TREE['/etc/network/interfaces']);
    expect(cat(b, '/etc/timezone')).toBe('Europe/Paris\n');
    // as spreadsheets of some languages write it
    for (const separator of [';', '\t']) {
      const rows = [
        ['Target', 'hostname', 'network'],
        [c, 'desk-4', 'eth0=192.0.2.78/24,gateway=192.0.2.1'],
      ];
      const text = `\ufeff${rows.map((row) => row.join(separator)).join('\r\n')}\r\n`;
      expect(await readTable(file('sheet.csv', text), createWords('en'))).toEqual([
        { target: c, settings: { hostname: 'desk-4', network: [expect.objectContaining({ card: 'eth0' })] } },
      ]);
    }
    const yaml = `- target: ${c}\n  hostname: desk-3\n`;
    expect(await diskpress('deploy', 'debian', '--table', file('t.yaml', yaml))).toMatchObject({ code: 0 });
    expect(cat(c, '/etc/hostname')).toBe('desk-3\n');
  });

  test('counts in names, and shares columns by anchors of YAML', async () => {
    const csv = 'target,hostname\nx.img,desk-{n:02}\ny.img,other\nz.img,"desk-{n:02}"\n';
    const names = (rows: Awaited<ReturnType<typeof readTable>>) => rows.map(({ settings }) => settings.hostname);
    expect(names(await readTable(file('count.csv', csv), createWords('en')))).toEqual(['desk-01', 'other', 'desk-03']);
    const yaml = `- &first\n  target: x.img\n  hostname: &name pc-{n}\n  domain: lab.test\n- <<: *first\n  target: y.img\n- target: z.img\n  hostname: *name\n`;
    expect(await readTable(file('anchors.yaml', yaml), createWords('en'))).toEqual([
      { target: 'x.img', settings: { hostname: 'pc-1', domain: 'lab.test' } },
      { target: 'y.img', settings: { hostname: 'pc-2', domain: 'lab.test' } },
      { target: 'z.img', settings: { hostname: 'pc-3' } },
    ]);
  });

  test('that gives two machines one name or one address is warned of', async () => {
    const csv = 'target,hostname,network\na.img,desk,eth0=192.0.2.7/24\nb.img,Desk,eth0=192.0.2.7/25\nc.img,other,\n';
    const { code, out } = await diskpress('--json', 'deploy', 'debian', '--table', file('alike.csv', csv), '--plan');
    expect(code).toBe(0);
    const plans = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).value as DeployPlan);
    const alike = plans.map(({ checks }) => checks.filter((check) => check.code === 'MACHINES_ALIKE'));
    const check = { code: 'MACHINES_ALIKE', level: 'warn', data: { values: ['desk', '192.0.2.7'] } };
    expect(alike).toEqual([[check], [check], []]);
  });

  test('or a range that counts up, is warned of where a network of it cannot work', async () => {
    const warned = async (...args: string[]) => {
      const { out } = await diskpress('--json', 'deploy', 'debian', ...args, '--plan');
      return out
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line).value as DeployPlan).checks.filter(({ level }) => level === 'warn'))
        .map((checks) => checks.map(({ code }) => code).filter((code) => /^(ADDRESS|GATEWAY|CARD)_/.test(code)));
    };
    const csv = 'target,network\na.img,"eth9=192.0.2.255/24,gateway=10.0.0.1"\nb.img,eth0=192.0.2.7/24\n';
    expect(await warned('--table', file('nets.csv', csv))).toEqual([['ADDRESS_NO_MACHINES', 'GATEWAY_OUTSIDE'], []]);
    const counting = ['--network', 'eth0=192.0.2.253/24,gateway=192.0.2.254'];
    expect(await warned('a.img', 'b.img', ...counting)).toEqual([[], ['GATEWAY_IS_ITSELF']]);
  });

  test.each([
    ['csv', 'target,hostname\nx.img,ok\ny.img,not_ok\n', 'line 3, column hostname: “not_ok”'],
    ['csv', 'target,hostname\n"x\n.img",ok\ny.img,not_ok\n', 'line 4, column hostname'],
    ['csv', 'target,name\nx.img,ok\n', 'line 1, column name'],
    ['csv', 'hostname\nok\n', 'line 1, column target'],
    ['csv', 'target,network\nx.img,eth0=300.0.0.1/24\n', 'line 2, column network'],
    ['csv', 'target\n"x.img\n', 'line 2, column 1'],
    ['csv', 'target\nx.img,more\n', 'line 2, column 2'],
    ['csv', 'target,hostname\nx.img,ok\ny.img\n', 'line 3, column hostname'],
    ['csv', '', 'line 1, column target: something is missing there. A table begins with'],
    ['csv', 'target;hostname\nx.img;not_ok\n', 'line 2, column hostname: “not_ok”'],
    ['yaml', '- target: x.img\n  hostname: [a, b]\n', 'line 2, column hostname'],
    ['yaml', '- target: x.img\n  hostname: ok\n- target: y.img\n  locale: a b\n', 'line 4, column locale'],
    ['yaml', 'target: x.img\n', 'line 1, column target'],
    ['yaml', '- target: x.img\n  target: y.img\n', 'line 2'],
    ['yaml', '- target: [x, {y: z}]\n', 'line 1, column target'],
    ['yaml', '- target: x.img\n  <<: y\n', 'line 2, column <<'],
    ['yaml', '- &a\n  target: x.img\n  <<: *a\n', 'line 3, column <<'],
    ['yaml', '- target: x.img\n  network: &a [*a]\n', 'line 2, column network'],
    ['csv', 'target,hostname\nx.img,desk_{n}\n', 'line 2, column hostname: “desk_{n}”'],
    ['csv', 'target,domain\nx.img,lab{n}.test\n', 'line 2, column domain'],
  ])('that is wrong is told by line and column: %s %j', async (ending, text, told) => {
    const refused = await readTable(file(`wrong.${ending}`, text), createWords('en')).then(
      () => expect.unreachable('it was to be refused'),
      (error: CommandError) => error.view,
    );
    expect(refused).toMatchObject({ code: 'BAD_REQUEST', data: { reason: expect.stringContaining(told) } });
  });
});

test.each([
  [['--hostname', 'not ok'], '--hostname not ok is not of the form it takes: letters'],
  [['--hostname', 'lab_{n}'], '63 at most for each part; numbers by .n.'],
  [['--network', 'eth0=192.0.2.10'], 'ADDRESS/PREFIX'],
  [['--save', 'plan.doc'], 'ends with .txt, .html or .pdf'],
  [['--size', 'large'], '--size takes a size as'],
  [['--hostname', 'a"; rm -rf /\n'], '--hostname'],
  [['--network', 'eth0=dhcp,192.0.2.1/24'], '--network'],
  [['--network', 'eth0'], '--network eth0'],
  [['--groups', 'adm'], '--groups belongs to a user'],
  [['--user', 'Not Ok'], '--user Not Ok'],
  [['--user', 'eve', '--ssh-key', 'KEY'], '--ssh-key'],
  [['--file', '/etc/hostname'], '--file /etc/hostname'],
  [['--identity', 'new'], 'fresh and keep|fresh, keep'],
  [['--keep', 'everything'], 'machine-id'],
  [['--timezone', '../../etc/passwd'], '--timezone'],
  [['--user', 'eve', '--ssh-key', '/etc/hostname'], '--ssh-key'],
  [['--exact', '--hostname', 'ok'], '--exact leaves the bytes as captured'],
  [['--exact', '--volume', '1=grow'], '--exact leaves the bytes as captured'],
])('%j is refused in words, and nothing is made', async (options, told) => {
  const key = file('private', '-----BEGIN OPENSSH PRIVATE KEY-----\n');
  const target = bench.path('refused.img');
  const ended = await diskpress('deploy', 'debian', target, ...options.map((one) => (one === 'KEY' ? key : one)));
  expect(ended).toMatchObject({ code: 2 });
  expect(ended.err).toMatch(new RegExp(told));
  expect(() => statSync(target)).toThrow();
});
