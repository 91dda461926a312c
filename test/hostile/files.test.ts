/** Templates whose file systems are hostile, looked into through the engine: nothing leads out, nothing goes on for ever. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CommandError } from '../../src-engine/contract/index.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { MIB, run, runWithInput, workbench } from '../support/workbench.ts';
import { mutate, MUTATIONS, type Region } from './filesystems/harmless.ts';
import { processorTimer } from '../support/processor-time.ts';

const DAMAGE = ['FORMAT_INVALID', 'FORMAT_UNSUPPORTED', 'NO_FILE_SYSTEM'];

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => void (engine = await openEngine(bench.path('catalog'))));
afterAll(() => engine.close());

/** An ext4 without checksums. @param commands of debugfs, which makes what no kernel would @param patches texts that are changed in place */
function makeImage(name: string, commands: readonly string[], patches: Record<string, string> = {}): string {
  const image = bench.file(name, 8 * MIB);
  run('mkfs.ext4', '-q', '-b', '1024', '-O', '^metadata_csum,^dir_index,^has_journal', '-I', '128', image);
  runWithInput(commands.join('\n'), 'debugfs', '-w', image);
  const bytes = readFileSync(image);
  for (const [from, to] of Object.entries(patches)) {
    expect(Buffer.byteLength(to), from).toBe(Buffer.byteLength(from));
    for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + 1)) bytes.write(to, at);
  }
  writeFileSync(image, bytes);
  return image;
}

const inside = { volume: '0', path: '/' };

async function save(template: string, path = '/') {
  const destination = bench.path(`saved ${template}`);
  mkdirSync(destination);
  const { jobId } = await engine.client.call('files.extract', { ...inside, template, path, destination });
  return { job: await engine.ended(jobId), destination };
}

/** Everything in a folder, without following links. */
function everything(folder: string, path = ''): string[] {
  return readdirSync(join(folder, path), { withFileTypes: true })
    .flatMap((entry) => {
      const own = join(path, entry.name);
      return entry.isDirectory() ? [`${own}/`, ...everything(folder, own)] : [own];
    })
    .sort();
}

describe('names that want to lead out', () => {
  const outside = () => bench.path('outside');
  beforeAll(async () => {
    mkdirSync(outside());
    const content = bench.path('content');
    writeFileSync(content, 'evil');
    const image = makeImage(
      'names.img',
      [
        `write ${content} up-and-out-and-away`,
        `write ${content} absolute-path-names`,
        `write ${content} only-dots`,
        `write ${content} control-characters`,
        `write ${content} turned-round`,
        `symlink same-name-1 ${outside()}`,
        'mkdir same-name-2',
        `write ${content} same-name-2/file`,
        `symlink link-out /etc/passwd`,
        'mkdir plain',
        `write ${content} plain/nice`,
      ],
      {
        'up-and-out-and-away': '../../../../../evil',
        'absolute-path-names': '/tmp/diskpress-evil',
        'control-characters': 'a\nb\tc\x1b[31m\x7f.......',
        'same-name-2': 'same-name-1',
        'turned-round': 'a\u202egpj.exe.',
      },
    );
    resultOf(await engine.capture(image, 'names'));
  });

  test('are listed as they are, and found by no path', async () => {
    const { entries } = await engine.client.call('files.list', { ...inside, template: 'names' });
    expect(entries.map(({ name }) => name)).toContain('../../../../../evil');
    for (const path of ['/../../../../../evil', '../x', 'plain/../plain']) {
      expect(await refusal(engine.client.call('files.list', { ...inside, template: 'names', path }))).toMatchObject({
        code: 'BAD_REQUEST',
      });
    }
  });

  test('are saved under names without a way', async () => {
    const { job, destination } = await save('names');
    resultOf(job);
    expect(everything(destination)).toEqual(
      [
        'names 0/',
        'names 0/.._.._.._.._.._evil',
        'names 0/_tmp_diskpress-evil',
        'names 0/a_b_c_[31m_.......',
        'names 0/a_gpj.exe.',
        'names 0/link-out',
        'names 0/lost+found/',
        'names 0/only-dots',
        'names 0/plain/',
        'names 0/plain/nice',
        'names 0/same-name-1',
        'names 0/same-name-1 (2)/',
        'names 0/same-name-1 (2)/file',
      ].sort(),
    );
    expect(readlinkSync(join(destination, 'names 0/link-out'))).toBe('/etc/passwd');
    expect(lstatSync(join(destination, 'names 0/same-name-1')).isSymbolicLink()).toBe(true);
    expect(readdirSync(outside())).toEqual([]);
    for (const path of ['/tmp/diskpress-evil', join(bench.folder, '../evil')]) expect(existsSync(path)).toBe(false);
    expect(job.warnings).toContainEqual({ code: 'NAMES_MADE_SAFE', data: { count: 5 } });
  });

  test('a link that was saved is not followed by what is saved next', async () => {
    const destination = bench.path('again');
    mkdirSync(destination);
    const request = { template: 'names', volume: '0', path: '/link-out', destination };
    resultOf(await engine.ended((await engine.client.call('files.extract', request)).jobId));
    const again = await engine.ended((await engine.client.call('files.extract', request)).jobId);
    expect(again.error).toMatchObject({ code: 'DESTINATION_EXISTS' });
    expect(readlinkSync(join(destination, 'link-out'))).toBe('/etc/passwd');
  });
});

describe('trees without an end', () => {
  beforeAll(async () => {
    resultOf(
      await engine.capture(makeImage('round.img', ['mkdir a', 'mkdir a/b', 'ln <2> a/b/root', 'ln a a/self']), 'round'),
    );
    // every folder has two names in the one above: as many ways as 2 to the power of 30
    const levels = Array.from({ length: 30 }, (_, i) => `l${i}`);
    const commands = levels.flatMap((_, i) => [
      `mkdir ${levels.slice(0, i + 1).join('/')}`,
      `ln ${levels.slice(0, i + 1).join('/')} ${[...levels.slice(0, i), `other${i}`].join('/')}`,
    ]);
    resultOf(await engine.capture(makeImage('many.img', commands), 'many'));
    resultOf(await engine.capture(makeImage('plain.img', ['mkdir a']), 'plain'));
  });

  test.each(['round', 'many'])('%s: saved once, and what comes again is left out', async (template) => {
    const { job, destination } = await save(template);
    resultOf(job);
    expect(job.warnings.map(({ code }) => code)).toContain('FILES_NOT_READ');
    expect(everything(destination).length).toBeLessThan(100);
  });

  test.each(['round', 'many'])('%s: not compared, and said so', async (template) => {
    for (const [before, after] of [
      [template, template],
      ['plain', template],
      [template, 'plain'],
    ]) {
      const comparison = await engine.client.call('files.compare', { before, after });
      expect(comparison).toMatchObject({ notCompared: ['0'], changes: [] });
    }
  });

  test('a path that goes round ends', async () => {
    const path = 'a/b/root/'.repeat(200);
    expect((await engine.client.call('files.list', { ...inside, template: 'round', path })).self.kind).toBe('folder');
    const endless = 'a/b/root/'.repeat(7000);
    expect(
      await refusal(engine.client.call('files.list', { ...inside, template: 'round', path: endless })),
    ).toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});

describe('sizes and links that lie', () => {
  beforeAll(async () => {
    const content = bench.path('small');
    writeFileSync(content, 'small');
    const links = Array.from({ length: 60 }, (_, i) => `symlink link${i} link${i + 1}`);
    const image = makeImage('lies.img', [
      `write ${content} huge`,
      'set_inode_field huge size 1000000000000',
      `write ${content} damaged`,
      'set_inode_field damaged flags 0x80000',
      'set_inode_field damaged block[0] 0xffffffff',
      'set_inode_field damaged size 5000',
      `write ${content} fine`,
      ...links,
      'symlink up ../../../../../../fine',
      `symlink wide ${'w'.repeat(1000)}`,
    ]);
    resultOf(await engine.capture(image, 'lies'));
  });

  test('a file of a terabyte that holds five bytes is saved as a hole; damage is left out, the rest is saved', async () => {
    const { job, destination } = await save('lies');
    resultOf(job);
    const folder = join(destination, 'lies 0');
    expect(job.warnings).toContainEqual({
      code: 'FILES_NOT_READ',
      data: { count: 1, path: '/damaged', reason: expect.any(String) },
    });
    expect(lstatSync(join(folder, 'huge')).size).toBe(1e12);
    expect(lstatSync(join(folder, 'huge')).blocks * 512).toBeLessThan(MIB);
    expect(readFileSync(join(folder, 'fine'), 'utf8')).toBe('small');
    expect(readdirSync(folder)).not.toContain('damaged');
  });

  test('one damaged file alone: its damage is the job’s error, and nothing is left', async () => {
    const destination = bench.path('damaged alone');
    mkdirSync(destination);
    const request = { template: 'lies', volume: '0', path: '/damaged', destination };
    const job = await engine.ended((await engine.client.call('files.extract', request)).jobId);
    expect(job.error).toMatchObject({ code: 'FORMAT_INVALID' });
    expect(readdirSync(destination)).toEqual([]);
  });

  test('links: forty are followed, those that lead up stay inside', async () => {
    const self = async (path: string) =>
      (await engine.client.call('files.list', { ...inside, template: 'lies', path })).self;
    expect(await self('link0')).toMatchObject({ kind: 'link' });
    expect(await self('up')).toMatchObject({ kind: 'file', lengthBytes: 5 });
    expect(await refusal(self('link0/x'))).toMatchObject({ code: 'NOT_FOUND' });
    expect(await self('wide')).toMatchObject({ linkTarget: 'w'.repeat(1000) });
  });
});

describe('mutated file systems, captured and looked into', () => {
  const ROUNDS = Math.ceil(MUTATIONS / 50);
  const TREE = ['mkdir a', 'mkdir a/b', 'symlink a/link b/file', 'mkdir a/b/c'];

  test('every one ends: listed, saved, compared, or refused as damaged', async () => {
    const content = bench.path('mutable');
    writeFileSync(content, 'm'.repeat(30_000));
    const files = ['one', 'a/two', 'a/b/file', 'a/b/c/deep'].map((path) => `write ${content} ${path}`);
    const image = makeImage('mutable.img', [...TREE, ...files]);
    resultOf(await engine.capture(image, 'original'));
    const original = readFileSync(image);
    const inodes = Number(/Inode table at (\d+)/.exec(run('dumpe2fs', image))![1]) * 1024;
    const folders = ['one', 'two', 'file', 'deep'].map((name) => Math.floor(original.indexOf(name) / 1024) * 1024);
    const regions: Region[] = [[inodes, 20 * 128], ...folders.map((at): Region => [at, 128])];
    const outcomes = new Set<string>();
    for (let seed = 0; seed < ROUNDS; seed++) {
      const bytes = Buffer.from(original);
      mutate(bytes, regions, seed);
      const mutant = bench.path('mutant.img');
      writeFileSync(mutant, bytes);
      const template = `mutant ${seed}`;
      resultOf(await engine.capture(mutant, template));
      const usedMs = processorTimer();
      const listed = await engine.client
        .call('files.list', { ...inside, template })
        .catch((error: CommandError) => error.view);
      if ('code' in listed) {
        expect(DAMAGE).toContain(listed.code);
        continue;
      }
      const { job, destination } = await save(template);
      if (job.error) expect(DAMAGE).toContain(job.error.code);
      else outcomes.add(job.warnings.some(({ code }) => code === 'FILES_NOT_READ') ? 'in part' : 'whole');
      expect(readdirSync(destination)).toEqual(job.error ? [] : [`${template} 0`]);
      const { notCompared, changes } = await engine.client.call('files.compare', {
        before: 'original',
        after: template,
      });
      expect(changes.length).toBeLessThan(1000);
      if (notCompared.length > 0) outcomes.add('not compared');
      expect(usedMs(), template).toBeLessThan(20_000);
      rmSync(destination, { recursive: true });
    }
    expect([...outcomes].sort()).toEqual(['in part', 'not compared', 'whole']);
  });
});
