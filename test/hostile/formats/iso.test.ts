/** Hostile ISO 9660 images. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { recogniseIso } from '../../../src-engine/formats/iso/iso.ts';
import { proves } from '../../support/matrix.ts';
import { mutate, MUTATIONS, restoring } from '../filesystems/harmless.ts';
import { hostile } from './hostile-image.ts';
import { outcomeOf } from './lies.ts';

function bootable(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-hostile-'));
  try {
    writeFileSync(join(folder, 'boot'), Buffer.alloc(2048, 1));
    const options = ['-b', 'boot', '-no-emul-boot', '-eltorito-alt-boot', '-e', 'boot', '-no-emul-boot'];
    const args = ['-as', 'mkisofs', '-quiet', '-o', join(folder, 'iso'), ...options, folder];
    execFileSync('xorriso', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    return readFileSync(join(folder, 'iso'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('descriptors and boot catalogs that lie', async (context) => {
  const bytes = bootable();
  const read = () => recogniseIso(memorySource(bytes));
  expect(await read()).toMatchObject({ bootsBios: true, bootsUefi: true });
  const catalog = bytes.readUInt32LE(17 * 2048 + 71) * 2048;
  const regions = [
    [16 * 2048, 190],
    [17 * 2048, 80],
    [18 * 2048, 8],
    [catalog, 192],
  ] as const;
  const pages = regions.map(([at]) => [at, 2048] as const);
  const outcomes = new Set<string>();
  for (let seed = 0; seed < MUTATIONS; seed++) {
    const outcome = await restoring(bytes, pages, async () => {
      mutate(bytes, regions, seed);
      return outcomeOf(read);
    });
    outcomes.add(outcome);
  }
  expect([...outcomes].sort()).toEqual(['FILE_TRUNCATED', 'read']);
  for (let i = 0; i < 200; i++) {
    const cut = bytes.subarray(0, Math.floor((bytes.length * i) / 200));
    await outcomeOf(() => recogniseIso(memorySource(cut)));
  }
  proves(context, hostile('ISO 9660'));
});
