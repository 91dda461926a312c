/** File names: sixteen-bit units, mostly UTF-16, and how NTFS compares them. */
import { checkRange } from '../../core/bounds.ts';
import { wideNameOf } from '../names.ts';
import { readRecord, RECORD, type NtfsVolume } from './records.ts';
import { ATTRIBUTE } from './attributes.ts';
import { contentOf } from './contents.ts';
import { openAttribute } from './streams.ts';

const UNITS = 65_536;

/** @returns the names that a text may stand for: the one that is shown like that, and the text as it is */
export function namesOfText(text: string): string[] {
  const name = wideNameOf(text);
  return name === text ? [text] : [name, text];
}

/** Tells which unit is the upper case of which, as the volume says. */
export type UpCase = Uint16Array;

/** @throws EngineError `FORMAT_INVALID`, `READ_FAILED` */
export async function readUpCase(ntfs: NtfsVolume): Promise<UpCase> {
  const content = contentOf(ntfs, await openAttribute(ntfs, await readRecord(ntfs, RECORD.UPCASE), ATTRIBUTE.DATA));
  checkRange('length of $UpCase', content.lengthBytes, 2 * UNITS, 2 * UNITS);
  const bytes = Buffer.alloc(2 * UNITS);
  await content.readInto(0, bytes);
  const upCase = new Uint16Array(UNITS);
  for (let unit = 0; unit < UNITS; unit++) upCase[unit] = bytes.readUInt16LE(2 * unit);
  return upCase;
}

/** The order of names in a folder, but for names that differ in case only: less than 0, 0, or more. */
export function compareNames(upCase: UpCase, a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = upCase[a.charCodeAt(i)] - upCase[b.charCodeAt(i)];
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
