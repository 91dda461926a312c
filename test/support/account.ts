/**
 * Every byte of a disk is accounted for, whatever the input. Whoever captures, imports or inspects in a test comes through here:
 * the engine of `openEngine`, the file systems' `readUsed`, and the disks of the corpus.
 */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { expect } from 'vitest';
import type { DiskView, PlaceView, RecordedPlaceView } from '../../src-engine/contract/index.ts';
import type { BlockSource } from '../../src-engine/disk/block-source.port.ts';
import { openFileSource } from '../../src-engine/formats/raw/file-source.ts';
import { DiskAccount } from '../../src-engine/inspection/account/account.ts';
import { inspectDisk } from '../../src-engine/inspection/disk-inspection.ts';
import { MIB } from './workbench.ts';

/** The sums are the disk's size; each piece's are its own. */
export function expectSums({ account, lengthBytes, usedBytes }: DiskView): void {
  expect(account).not.toBeNull();
  const { capturedBytes, freeBytes, zeroBytes, leftBytes, takenBytes, outsideBytes, free, pieces } = account!;
  expect(capturedBytes + freeBytes + zeroBytes + leftBytes).toBe(lengthBytes);
  expect(account!.lengthBytes).toBe(lengthBytes);
  expect(capturedBytes).toBe(usedBytes);
  expect(takenBytes + zeroBytes + leftBytes).toBe(outsideBytes);
  expect(free.reduce((sum, one) => sum + one.lengthBytes, 0)).toBe(freeBytes);
  for (const one of free) expect(one.lengthBytes, one.by).toBeGreaterThan(0);
  let endBytes = 0;
  for (const piece of pieces) {
    expect(piece.startBytes).toBeGreaterThanOrEqual(endBytes);
    endBytes = piece.startBytes + piece.lengthBytes;
    expect(piece.takenBytes + piece.zeroBytes + piece.leftBytes).toBe(piece.lengthBytes);
    expect(Math.min(piece.takenBytes, piece.zeroBytes, piece.leftBytes)).toBeGreaterThanOrEqual(0);
    expect(piece.lookedBytes).toBeLessThanOrEqual(piece.lengthBytes);
  }
  expect(endBytes).toBeLessThanOrEqual(lengthBytes);
}

/** A piece that is called zeros from end to end is zeros: read from the file itself. */
export function expectZerosAreZeros({ account, lengthBytes }: DiskView, path: string): void {
  if (statSync(path).size !== lengthBytes) return;
  const file = openSync(path, 'r');
  const bytes = Buffer.alloc(MIB);
  try {
    for (const piece of account!.pieces) {
      if (piece.zeroBytes !== piece.lengthBytes || piece.lookedBytes !== piece.lengthBytes) continue;
      const endBytes = piece.startBytes + piece.lengthBytes;
      for (let at = piece.startBytes; at < endBytes; at += MIB) {
        const count = readSync(file, bytes, 0, Math.min(MIB, endBytes - at), at);
        if (bytes.subarray(0, count).some((byte) => byte !== 0))
          throw new Error(`${path}: data at ${at}, called zeros`);
      }
    }
  } finally {
    closeSync(file);
  }
}

/** A version's account, after its capture or import. */
export function expectAccounted(disk: DiskView, source: RecordedPlaceView): void {
  expectSums(disk);
  // beside a map of its blocks, a file is more than its disk
  const isMapped = existsSync(`${source.path}.bmap`) || existsSync(source.path.replace(/\.[^.]+$/, '.bmap'));
  const isRaw = !isMapped && source.kind === 'file' && existsSync(source.path) && statSync(source.path).isFile();
  if (isRaw) expectZerosAreZeros(disk, source.path);
}

/** Looks at a disk as a plan does. */
export async function accountOf(source: BlockSource, kind: PlaceView['kind'] = 'file'): Promise<DiskView> {
  const { signal } = new AbortController();
  const view = (await DiskAccount.of(await inspectDisk(source, signal), kind, 'ask', signal)).view();
  expectSums(view);
  return view;
}

/** The same for a raw image. */
export async function accountOfFile(path: string): Promise<DiskView> {
  const source = await openFileSource(path);
  try {
    const view = await accountOf(source);
    expectZerosAreZeros(view, path);
    return view;
  } finally {
    await source.close();
  }
}
