/** Cells of keys and values in a registry hive, after the description by Maxim Suhanov, "Windows registry file format specification". */
import { checkSpan } from '../../../core/bounds.ts';
import { struct, text, u16le, u32le, u64le } from '../../../core/struct.ts';

export const NO_CELL = 0xffffffff;
export const KEY_NAME_IS_LATIN1 = 0x20;
export const VALUE_NAME_IS_LATIN1 = 1;
/** Of a value's length: its bytes stand where its cell's number would. */
export const IS_INLINE = 0x80000000;
export const MAX_VALUES = 10_000;
/** A value that is longer lies in several cells. */
export const MAX_VALUE_BYTES = 16_344;

export const keyNode = struct(76, {
  signature: text(0, 2),
  flags: u16le(2),
  writtenAt: u64le(4),
  parent: u32le(16),
  subkeyCount: u32le(20),
  subkeyList: u32le(28),
  volatileList: u32le(32),
  valueCount: u32le(36),
  valueList: u32le(40),
  security: u32le(44),
  className: u32le(48),
  longestSubkeyName: u16le(52),
  longestValueName: u32le(60),
  longestValue: u32le(64),
  nameBytes: u16le(72),
});
export const keyValue = struct(20, {
  signature: text(0, 2),
  nameBytes: u16le(2),
  dataBytes: u32le(4),
  dataCell: u32le(8),
  type: u32le(12),
  flags: u16le(16),
});

/** @param field what it is the name of, for the error @throws EngineError `FORMAT_INVALID` where the cell is shorter */
export function nameIn(field: string, cell: Buffer, at: number, lengthBytes: number, isLatin1: boolean): string {
  checkSpan(field, at, lengthBytes, cell.length);
  return cell.toString(isLatin1 ? 'latin1' : 'utf16le', at, at + lengthBytes);
}
