/**
 * The update sequence array, which tells whether all sectors of a record were written: the last two bytes of every 512 hold a
 * number, and what belongs there stands in the array. Linux-NTFS, "NTFS Documentation", chapter "Fixup".
 */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { struct, text, u16le } from '../../core/struct.ts';

const header = struct(8, { magic: text(0, 4), usaOffset: u16le(4), usaCount: u16le(6) });

/** Of every sector size: the stride is a constant of the format. */
const STRIDE_BYTES = 512;

/**
 * Puts the ends of the sectors of a record back, in place.
 * @param record whole; a multiple of 512 bytes
 * @throws EngineError `FORMAT_INVALID` where the magic is another, or a sector is of another time than the others
 */
export function applyFixups(record: Buffer, magic: string): void {
  const h = header.read(record);
  if (h.magic !== magic) throw new EngineError('FORMAT_INVALID', { field: 'magic', value: h.magic, expected: magic });
  const sectors = record.length / STRIDE_BYTES;
  checkRange('update sequence count', h.usaCount, sectors + 1, sectors + 1);
  checkRange('update sequence offset', h.usaOffset, header.size, STRIDE_BYTES - 2 - 2 * h.usaCount);
  const number = record.readUInt16LE(h.usaOffset);
  for (let sector = 0; sector < sectors; sector++) {
    const at = (sector + 1) * STRIDE_BYTES - 2;
    const found = record.readUInt16LE(at);
    if (found !== number) {
      throw new EngineError('FORMAT_INVALID', { checksum: 'update sequence', value: String(found), expected: number });
    }
    record.copyWithin(at, h.usaOffset + 2 + 2 * sector, h.usaOffset + 4 + 2 * sector);
  }
}
