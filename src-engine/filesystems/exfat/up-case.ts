/** The table by which names are compared without regard to case: exFAT specification, section 7.2. */
import { EngineError } from '../../core/engine-error.ts';
import { contentOf, type ExfatVolume } from './allocation.ts';
import type { RootEntries } from './root-entries.ts';

const UNITS = 65_536;
/** In a compressed table: as many units as the next number says stand for themselves. */
const IDENTITY_RUN = 0xffff;

/** For each 16-bit unit the one that it is compared as. */
export type UpCaseTable = Uint16Array;

/** @throws EngineError `FORMAT_INVALID` where there is none, its checksum is wrong or it maps too much; `READ_FAILED` */
export async function readUpCaseTable(fs: ExfatVolume, upCase: RootEntries['upCase']): Promise<UpCaseTable> {
  if (!upCase) throw new EngineError('FORMAT_INVALID', { field: 'up-case table', value: 'none' });
  const bytes = Buffer.alloc(upCase.allocation.lengthBytes);
  await contentOf(fs, upCase.allocation).readInto(0, bytes);
  if (tableChecksum(bytes) !== upCase.checksum) throw new EngineError('FORMAT_INVALID', { checksum: 'up-case table' });
  return expand(bytes);
}

function expand(bytes: Buffer): UpCaseTable {
  const table = new Uint16Array(UNITS);
  for (let unit = 0; unit < UNITS; unit++) table[unit] = unit;
  let next = 0;
  for (let at = 0; at + 2 <= bytes.length && next < UNITS; at += 2) {
    const value = bytes.readUInt16LE(at);
    if (value === IDENTITY_RUN && at + 4 <= bytes.length) {
      at += 2;
      next += bytes.readUInt16LE(at);
    } else table[next++] = value;
  }
  return table;
}

export function tableChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum = (((sum << 31) | (sum >>> 1)) + byte) >>> 0;
  return sum;
}
