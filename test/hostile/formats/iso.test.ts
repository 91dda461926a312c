/** Hostile ISO 9660 images. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { IsoFiles, type IsoEntry } from '../../../src-engine/formats/iso/iso-files.ts';
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

test('folders that lie, by both kinds of names', async () => {
  for (const names of ['-quiet', '-J']) {
    const bytes = filled(names);
    const walk = async (iso: IsoFiles, folder: IsoEntry, depth = 0): Promise<number> => {
      let found = 0;
      for (const entry of await iso.list(folder)) {
        found++;
        if (!entry.isFolder) await iso.read(entry, MAX_FILE_BYTES);
        // a folder may say that it is in itself: who looks for three names goes no deeper
        else if (depth < 3) found += await walk(iso, entry, depth + 1);
      }
      return found;
    };
    const read = async () => {
      const iso = await IsoFiles.open(memorySource(bytes));
      return iso && walk(iso, iso.root);
    };
    expect(await read()).toBe(5);
    const whole = [[0, bytes.length]] as const;
    const regions = [[16 * 2048, bytes.length - 16 * 2048]] as const;
    const outcomes = new Set<string>();
    for (let seed = 0; seed < MUTATIONS; seed++) {
      const outcome = await restoring(bytes, whole, () => {
        mutate(bytes, regions, seed);
        return outcomeOf(read);
      });
      outcomes.add(outcome);
    }
    expect([...outcomes]).toContain('read');
    expect([...outcomes]).toContain('FORMAT_INVALID');
  }
});

const MAX_FILE_BYTES = 64 * 1024;

function filled(names: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-hostile-'));
  try {
    mkdirSync(join(folder, 'viostor/w10/amd64'), { recursive: true });
    for (const part of ['sys', 'inf']) writeFileSync(join(folder, `viostor/w10/amd64/viostor.${part}`), part);
    const args = ['-quiet', '-no-pad', names, '-o', join(folder, 'iso'), '-m', 'iso', folder];
    execFileSync('genisoimage', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    return readFileSync(join(folder, 'iso'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
