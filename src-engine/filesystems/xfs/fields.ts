/** Fields of declared structs in the byte order of XFS: big-endian. */
import type { Field } from '../../core/struct.ts';

export const u16be = (offset: number): Field<number> => ({
  offset,
  size: 2,
  read: (v, at) => v.readUInt16BE(at),
  write: (v, at, n) => void v.writeUInt16BE(n, at),
});
export const u32be = (offset: number): Field<number> => ({
  offset,
  size: 4,
  read: (v, at) => v.readUInt32BE(at),
  write: (v, at, n) => void v.writeUInt32BE(n, at),
});
/** 64 bits as a bigint: a hostile value is compared before it becomes a number. */
export const u64be = (offset: number): Field<bigint> => ({
  offset,
  size: 8,
  read: (v, at) => v.readBigUInt64BE(at),
  write: (v, at, n) => void v.writeBigUInt64BE(n, at),
});
