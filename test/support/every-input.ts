/**
 * `npm run corpus`: whatever a test captures or imports, what its template leaves out is zeros, or known to be free by a foreign tool. Each
 * disk is a line of a file, which scripts/corpus.mjs sums up; one that lost something fails its test.
 */
import { appendFileSync, closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect } from 'vitest';
import type { VersionDiskView } from '../../src-engine/contract/template.contract.ts';
import type { BlockSource } from '../../src-engine/disk/block-source.port.ts';
import { diskOf } from '../../src-engine/versions/found-disk.ts';
import { openStoredDisk } from '../../src-engine/versions/open-stored-disk.ts';
import { openCatalog } from './catalog-handle.ts';
import { leftOut } from './left-out.ts';
import { MIB, run } from './workbench.ts';

const log = process.env.DISKPRESS_CORPUS;
export const isCorpusAsked = log !== undefined;

/** Longer disks are read too slowly to be compared byte by byte. */
const MAX_BYTES = 4 * 1024 * MIB;
/** By their names in qemu-img: what it turns into a raw disk. */
const CONTAINERS = ['qcow2', 'vmdk', 'vdi', 'vpc', 'vhdx'];

/** @throws Error for a byte that was left out and is not known to be free */
export async function judgeLeftOut(catalogPath: string, templateId: string, versionNumber: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-corpus-'));
  const catalog = openCatalog(catalogPath);
  try {
    const found = catalog.parts.templates.find(`${templateId}@${versionNumber}`);
    for (const [i, disk] of found.version.disks.entries()) {
      const tell = (outcome: string, leftBytes = 0) => {
        const { currentTestName: test, testPath } = expect.getState();
        const line = { file: basename(testPath ?? ''), test, lengthBytes: disk.layout.lengthBytes, leftBytes, outcome };
        appendFileSync(log!, `${JSON.stringify(line)}\n`);
      };
      const original = rawOf(disk, join(folder, 'original'));
      if (typeof original !== 'string') {
        tell(`not judged: ${original.why}`);
        continue;
      }
      const copy = join(folder, 'copy');
      const stored = await openStoredDisk(catalog.parts, diskOf(found, i + 1));
      await writeSparse(stored.source, copy).finally(() => stored.close());
      try {
        const { leftBytes, unjudged } = leftOut(folder, original, copy, disk.layout.sectorBytes);
        tell(unjudged.length > 0 ? `not judged: ${unjudged.join(', ')}` : leftBytes > 0 ? 'free' : 'zeros', leftBytes);
      } catch (error) {
        tell(`lost: ${(error as Error).message}`);
        throw error;
      }
    }
  } finally {
    catalog.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The source of a disk as a raw file or device. */
function rawOf({ source, layout, damage }: VersionDiskView, to: string): string | { why: string } {
  const { path, kind } = source;
  if (damage) return { why: 'sectors that cannot be read' };
  if (layout.lengthBytes > MAX_BYTES) return { why: 'longer than 4 GiB' };
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return { why: 'the source is gone' };
  if (kind === 'device' && stats.isBlockDevice()) return path;
  if (!stats.isFile()) return { why: 'a folder' };
  try {
    const { format } = JSON.parse(run('qemu-img', 'info', '-U', '--output=json', path)) as { format: string };
    if (format === 'raw') return stats.size === layout.lengthBytes ? path : { why: 'packed' };
    if (!CONTAINERS.includes(format)) return { why: format };
    run('qemu-img', 'convert', '-U', '-O', 'raw', path, to);
    return statSync(to).size === layout.lengthBytes ? to : { why: `${format} of another length` };
  } catch {
    return { why: 'not read by qemu-img' };
  }
}

async function writeSparse(source: BlockSource, to: string): Promise<void> {
  const file = openSync(to, 'w');
  try {
    ftruncateSync(file, source.lengthBytes);
    const bytes = Buffer.alloc(MIB);
    const zeros = Buffer.alloc(MIB);
    for (let at = 0; at < source.lengthBytes; at += MIB) {
      const piece = bytes.subarray(0, Math.min(MIB, source.lengthBytes - at));
      await source.readInto(at, piece);
      if (!piece.equals(zeros.subarray(0, piece.length))) writeSync(file, piece, 0, piece.length, at);
    }
  } finally {
    closeSync(file);
  }
}
