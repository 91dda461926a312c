/** Looking inside disks and templates on the command line: as ls shows a mount, as a script reads it. */
import { existsSync, lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { commandLine, lastLine } from '../../support/command-line.ts';
import { makeGptDisk, type TestDisk } from '../../support/disks.ts';
import { canFail, failingFile } from '../../support/failing-file.ts';
import { makeNtfs, withNtfs3g } from '../../support/ntfs.ts';
import { fillTree } from '../../support/trees.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const diskpress = commandLine(bench.path('catalog'));

let disk: TestDisk;
/** an ext4 without a table, twice: as `tree@1` and, with changes, as `tree@2` */
let image: string;

beforeAll(async () => {
  if (!canLoop) return;
  disk = makeGptDisk(bench, 'disk.img');
  expect(await diskpress('capture', disk.path, '--name', 'disk')).toMatchObject({ code: 0 });
  image = bench.file('tree.img', 64 * MIB);
  run('mkfs.ext4', '-q', '-L', 'a tree', image);
  let point = bench.mount(image, 'loop');
  fillTree(point, { smallFiles: 20 });
  writeFileSync(join(point, 'colour\x1b[31m\nand line'), 'x');
  symlinkSync('\x1b]0;title\x07', join(point, 'odd link'));
  bench.unmount(point);
  expect(await diskpress('capture', image, '--name', 'tree')).toMatchObject({ code: 0 });
  point = bench.mount(image, 'loop');
  writeFileSync(join(point, 'new'), 'new');
  bench.unmount(point);
  expect(await diskpress('capture', image, '--name', 'tree')).toMatchObject({ code: 0 });
});

describe.skipIf(!canLoop)('inspect', () => {
  test('a picture of the disk: a line and a bar for each volume, the same of an image and of its template', async () => {
    const [source, template] = [await diskpress('inspect', disk.path), await diskpress('inspect', 'disk')];
    expect([source.code, template.code]).toEqual([0, 0]);
    const lines = source.out.split('\n').filter((line) => line.includes('['));
    expect(lines.map((line) => line.trim().split(/\s{2,}/))).toEqual(
      [
        [
          '1',
          expect.stringMatching(/^\[#=+\.+\]$/),
          'FAT16',
          expect.stringMatching(/./),
          ...new Array(3).fill(expect.any(String)),
          expect.any(String),
        ],
        ['2', expect.stringMatching(/^\[\.+#+=+\.+\]$/), 'ext4', 'the root', ...new Array(4).fill(expect.any(String))],
        [
          '3',
          expect.stringMatching(/^\[\.+[#=]+\.*\]$/),
          expect.stringMatching(/swap/i),
          ...new Array(4).fill(expect.any(String)),
        ],
        ['4', expect.stringMatching(/^\[\.+#\]$/), 'unknown', ...new Array(4).fill(expect.any(String))],
      ].map((cells) => expect.arrayContaining(cells)),
    );
    expect(source.out).toContain('GPT');
    expect(source.out).toMatch(/^! /m);
    // of a template nobody asks what its file was read as
    expect(source.out).toContain('Image: raw\n');
    expect(template.out).toBe(source.out.replace('Image: raw\n', ''));
    const [one, other] = [
      await diskpress('--json', 'inspect', disk.path),
      await diskpress('--json', 'inspect', 'disk'),
    ];
    expect(lastLine(one)).toMatchObject({ ok: true, kind: 'inspection', value: { disk: { table: 'gpt' } } });
    expect(lastLine(other).value.disk).toEqual(lastLine(one).value.disk);
  });

  test('a template of a name that no file has, and nothing of that name', async () => {
    expect((await diskpress('--json', 'inspect', 'tree@1')).code).toBe(0);
    expect(lastLine(await diskpress('--json', 'inspect', 'neither'))).toMatchObject({
      error: { code: 'SOURCE_NOT_FOUND' },
    });
  });
});

describe.skipIf(!canLoop)('files', () => {
  test('lists as ls -l does', async () => {
    const { code, out } = await diskpress('files', 'tree@1', '/');
    expect(code).toBe(0);
    const point = bench.mount(image, 'loop,ro,noload');
    const listed = run('ls', '-lnA', '--time-style=+', '--quoting-style=literal', '--indicator-style=none', point)
      .split('\n')
      .filter((line) => /^[-dlcbps]/.test(line) && !/\snew$|colour|odd/.test(line))
      .map((line) => {
        const [mode, links, owner, group, size, ...name] = line.split(/\s+/);
        const isFile = mode.startsWith('-');
        return [mode, links, owner, group, ...(isFile ? [size] : []), name.join(' ')].join('|');
      });
    bench.unmount(point);
    const ours = out
      .split('\n')
      .filter((line) => line !== '' && !/colour|odd/.test(line))
      .map((line) => {
        const match = /^(\S+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d*)\s+\w{3} \d+, \d{4}, [\d:]+.[AP]M\s+(.*)$/.exec(line)!;
        return match
          .slice(1)
          .filter((cell) => cell !== '')
          .join('|');
      });
    expect(ours.sort()).toEqual(listed.sort());
  });

  test('writes nothing to the terminal that is not text', async () => {
    const { out } = await diskpress('files', 'tree@1', '/');
    expect(out).toContain('colour\\x1b[31m\\x0aand line');
    expect(out).toContain('odd link -> \\x1b]0;title\\x07');
    expect(out).not.toContain('\x1b');
  });

  test('as JSON, sorted', async () => {
    const { value } = lastLine(await diskpress('--json', 'files', 'tree@1', 'many', '--sort', 'size', '--reverse'));
    const sizes = value.entries.map(({ lengthBytes }: { lengthBytes: number }) => lengthBytes);
    expect(sizes.length).toBe(value.total);
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    expect((await diskpress('--json', 'files', 'tree', '--sort', 'colour')).code).toBe(2);
  });

  test('asks for the volume where there are several', async () => {
    const { code, out } = await diskpress('files', 'disk');
    expect(code).toBe(0);
    expect(out.split('\n').filter((line) => /^\d/.test(line))).toHaveLength(4);
    expect((await diskpress('files', 'disk', '/')).out).toBe(out);
    const asked = await diskpress('--json', 'files', 'disk', '/deep');
    expect(asked.code).toBe(2);
    expect(lastLine(asked).error).toMatchObject({
      code: 'VOLUME_CHOICE_REQUIRED',
      message: '“disk” has files in several volumes: 1 and 2. Nothing was read or written.',
      hint: 'Say which one is meant: --volume 1, --volume 2.',
    });
    const { value } = lastLine(await diskpress('--json', 'files', 'disk', '/deep', '--volume', '2'));
    expect(value.entries.map(({ name }: { name: string }) => name)).toEqual(['deeper']);
    expect((await diskpress('files', 'disk', '/', '--volume', '3')).code).toBe(8);
    expect((await diskpress('files', 'disk', '/nothing', '--volume', '2')).code).toBe(3);
  });

  test('saves a folder, and overwrites nothing', async () => {
    const to = bench.path('saved');
    const far = await diskpress('--json', 'files', 'tree@1', '/names', '--extract', join(to, 'deeper'));
    expect(lastLine(far).error).toMatchObject({ code: 'NOT_FOUND', data: { path: join(to, 'deeper') } });
    expect((await diskpress('files', 'tree@1', '/nothing', '--extract', to)).code).toBe(3);
    expect(existsSync(to)).toBe(false);
    expect(await diskpress('files', 'tree@1', '/names', '--extract', to)).toMatchObject({ code: 0 });
    const point = bench.mount(image, 'loop,ro,noload');
    run('diff', '-r', join(point, 'names'), join(to, 'names'));
    bench.unmount(point);
    const again = await diskpress('--json', 'files', 'tree@1', '/names', '--extract', to);
    expect(again.code).toBe(5);
    expect(lastLine(again).error.code).toBe('DESTINATION_EXISTS');
    expect(readdirSync(to)).toEqual(['names']);
    expect(lstatSync(join(to, 'names')).isDirectory()).toBe(true);
  });
});

describe.skipIf(!canLoop)('compare', () => {
  test('what is new, in text and as JSON', async () => {
    const { code, out } = await diskpress('compare', 'tree@1', 'tree@2');
    expect(code).toBe(0);
    expect(out).toMatch(/^\+ \/new {2}3\sB$/m);
    expect(out).toMatch(/^Added: 1 files?, 3\sB$/m);
    expect(lastLine(await diskpress('--json', 'compare', 'tree@1', 'tree'))).toMatchObject({
      kind: 'comparison',
      value: { changes: [{ path: '/new', change: 'added' }], added: { files: 1, lengthBytes: 3 } },
    });
  });
});

describe.skipIf(!canLoop || !canFail)('a disk that cannot be read everywhere', () => {
  test('ends, says how to go on, goes on, and says what was lost', async () => {
    const { startBytes } = disk.unknown;
    const failing = await failingFile(bench, disk.path, [[startBytes + 4096, startBytes + 4097]]);
    const stopped = await diskpress('capture', failing, '--name', 'failing');
    expect(stopped.code).toBe(9);
    expect(stopped.err).toContain('--on-unreadable fill');
    expect(stopped.err).toMatch(/^READ_FAILED$/m);
    expect((await diskpress('capture', failing, '--name', 'failing', '--on-unreadable', 'maybe')).code).toBe(2);
    const filled = await diskpress('capture', failing, '--name', 'failing', '--on-unreadable', 'fill');
    expect(filled.code).toBe(0);
    expect(filled.out).toMatch(/^! 4\.1\skB in 1 place could not be read/m);
    const { damage } = lastLine(await diskpress('--json', 'show', 'failing')).value.versions[0].disks[0];
    expect(damage).toEqual({
      lengthBytes: 4096,
      extents: [{ startBytes: startBytes + 4096, lengthBytes: 4096 }],
      files: [{ volume: '4', path: '', lengthBytes: 4096 }],
    });
    expect((await diskpress('show', 'failing')).out).toMatch(/could not be read/);
    expect((await diskpress('list')).out).toMatch(/^[0-9a-f]{8} {2}failing .* · Incomplete$/m);
    expect((await diskpress('deploy', 'failing', bench.path('new.img'), '--plan')).out).toMatch(
      /^! .*could not be read/m,
    );
  });
});

describe.skipIf(!canLoop)('what a person may take upon themselves', () => {
  test('is refused with the word that allows it, and allowed with that word', async () => {
    const windows = makeNtfs(bench.path('windows.img'), 16 * MIB);
    await withNtfs3g(windows, '', (root) => writeFileSync(join(root, 'hiberfil.sys'), Buffer.alloc(8192, 'hibr')));
    const refused = await diskpress('capture', windows, '--name', 'windows');
    expect(refused.code).toBe(5);
    expect(refused.err).toContain('--override WINDOWS_HIBERNATED');
    expect((await diskpress('capture', windows, '--name', 'windows', '--override', 'NONSENSE')).code).toBe(2);
    const plan = await diskpress('capture', windows, '--name', 'windows', '--plan', '--override', 'WINDOWS_HIBERNATED');
    expect(plan.out).not.toContain('✗');
    expect(await diskpress('capture', windows, '--name', 'windows', '--override', 'WINDOWS_HIBERNATED')).toMatchObject({
      code: 0,
    });
    expect((await diskpress('log')).out).toContain('in spite of WINDOWS_HIBERNATED');
    expect(readFileSync(windows).length).toBe(16 * MIB);
  });
});
