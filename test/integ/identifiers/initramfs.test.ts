/** First file systems as tools of distributions make them: searched, and given an archive behind them that has files in the place of theirs. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { IdForms } from '../../../src-engine/identifiers/forms.ts';
import { overridingArchive, searchInitramfs } from '../../../src-engine/identifiers/initramfs.ts';
import { noise } from '../../support/disks.ts';
import { run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const OLD = '0a1b2c3d-1111-4222-8333-00000000000f';
const NEW = 'c0ffee00-5555-4666-9777-aaaaaaaaaaaa';
const FORMS = new IdForms([{ format: 'uuid', before: OLD, after: NEW }]);
const CHOSEN = new Set([0]);
const signal = new AbortController().signal;
const RESUME = 'conf/conf.d/resume';

function archive(name: string, files: Record<string, string | Buffer>): string {
  const folder = bench.path(name);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  run('sh', '-c', 'cd "$1" && find . -mindepth 1 -printf "%P\\n" | cpio -o -H newc --quiet > "$1.cpio"', '-', folder);
  return `${folder}.cpio`;
}

const search = (bytes: Buffer) => searchInitramfs(memorySource(bytes), FORMS, signal);

/** As a deploy does it. */
async function overridden(bytes: Buffer): Promise<Buffer> {
  const { files } = (await search(bytes))!;
  const others = files.map((file) => ({ ...file, bytes: FORMS.replaced(file.bytes, CHOSEN)! }));
  return Buffer.concat([bytes, overridingArchive(bytes.length, others)]);
}

/** What cpio unpacks of the archive that stands last. */
function unpackedTail(bytes: Buffer, behindBytes: number): string {
  const from = behindBytes + (-behindBytes & 3);
  writeFileSync(bench.path('tail'), bytes.subarray(from));
  const folder = bench.path('unpacked');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  run('sh', '-c', 'cd "$1" && cpio -id --quiet < "$2"', '-', folder, bench.path('tail'));
  return readFileSync(join(folder, RESUME), 'utf8');
}

const MAIN = archive('main', {
  [RESUME]: `RESUME=UUID=${OLD}\n`,
  'bin/busybox': noise('program', 100_000),
  'lib/modules/6.1/x.ko': `${OLD}`,
});
const EARLY = archive('early', { 'kernel/x86/microcode/GenuineIntel.bin': noise('microcode', 10_001) });

test.each([
  ['plain', 'cat'],
  ['gzip', 'gzip -c'],
  ['zstd', 'zstd -q -T0 -c'],
  ['xz', 'xz --check=crc32 -c'],
])('%s', async (_, packer) => {
  for (const before of ['', EARLY]) {
    run('sh', '-c', `{ cat ${before} < /dev/null; ${packer} < ${MAIN}; } > ${bench.path('initrd')}`);
    const bytes = readFileSync(bench.path('initrd'));
    const found = await search(bytes);
    expect(found).toMatchObject({ found: CHOSEN, isWhole: true, canOverride: true });
    expect(found!.files.map(({ name }) => name.toString())).toEqual([`${RESUME}\0`]);
    const now = await overridden(bytes);
    expect(now.subarray(0, bytes.length).equals(bytes)).toBe(true);
    expect(unpackedTail(now, bytes.length)).toBe(`RESUME=UUID=${NEW}\n`);
    // a system that was deployed so is captured, and deployed again
    const again = await searchInitramfs(
      memorySource(now),
      new IdForms([{ format: 'uuid', before: NEW, after: OLD }]),
      signal,
    );
    expect(again).toMatchObject({ found: CHOSEN, isWhole: true, canOverride: true });
  }
});

test('LZ4, behind which the kernel finds nothing, is searched and stays', async () => {
  run('sh', '-c', `lz4 -l -q -c < ${MAIN} > ${bench.path('initrd')}`);
  expect(await search(readFileSync(bench.path('initrd')))).toMatchObject({ found: CHOSEN, canOverride: false });
});

test('units that are called by an identifier stay; scripts need not', async () => {
  const name = `dev-disk-by\\x2duuid-${OLD.replaceAll('-', '\\x2d')}.device`;
  const unit = archive('unit', { [`etc/systemd/system/${name}`]: '[Unit]\n' });
  expect(await search(readFileSync(unit))).toMatchObject({ found: CHOSEN, canOverride: false });
  const hook = archive('hook', {
    [`hooks/devexists-\\x2fdev\\x2fdisk\\x2fby-uuid\\x2f${OLD}.sh`]: `[ -e /dev/disk/by-uuid/${OLD} ]`,
  });
  expect(await search(readFileSync(hook))).toMatchObject({ found: CHOSEN, canOverride: true });
});

test('what is damaged, cut off or no archive is told', async () => {
  run('sh', '-c', `gzip -c < ${MAIN} > ${bench.path('initrd')}`);
  const bytes = readFileSync(bench.path('initrd'));
  expect(await search(bytes.subarray(0, bytes.length / 2))).toMatchObject({ isWhole: false });
  const endless = readFileSync(MAIN);
  endless.write('FFFFFFFF', 54, 'latin1');
  expect(await search(endless)).toMatchObject({ isWhole: false });
  expect(await search(Buffer.from('#!/bin/sh\necho initramfs\n'))).toBeNull();
});
