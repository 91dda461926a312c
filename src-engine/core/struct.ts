/**
 * Declared binary structs: a format names its fields once, with offset and type, and reader, writer and size check follow.
 *
 * Example: `const header = struct(92, { revision: u32le(8), diskGuid: guid(56) }); header.read(bytes).revision`
 */
import { EngineError } from './engine-error.ts';

export interface Field<T> {
  readonly offset: number;
  readonly size: number;
  read(view: Buffer, at: number): T;
  write(view: Buffer, at: number, value: T): void;
}

type Values<F> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never };

export interface Struct<F> {
  readonly size: number;
  /** @throws EngineError `FORMAT_INVALID` where fewer than `size` bytes are left at `offset` */
  read(bytes: Uint8Array, offset?: number): Values<F>;
  /** Writes the given fields, leaves the other bytes as they are. */
  write(bytes: Uint8Array, values: Partial<Values<F>>, offset?: number): void;
}

/** @param size length of the struct in bytes; a field outside it is a programmer's mistake and throws at load */
export function struct<F extends Record<string, Field<unknown>>>(size: number, fields: F): Struct<F> {
  const entries = Object.entries(fields);
  for (const [name, field] of entries) {
    if (field.offset < 0 || field.offset + field.size > size)
      throw new RangeError(`field ${name} is outside its struct`);
  }
  return {
    size,
    read(bytes, offset = 0) {
      if (offset < 0 || offset + size > bytes.length) {
        throw new EngineError('FORMAT_INVALID', {
          field: 'struct',
          value: String(offset),
          min: 0,
          max: bytes.length - size,
        });
      }
      // parsers call this for every record of a disk: no more is made than the result
      const view = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const values: Record<string, unknown> = {};
      for (const [name, field] of entries) values[name] = field.read(view, offset + field.offset);
      return values as Values<F>;
    },
    write(bytes, values, offset = 0) {
      const view = Buffer.from(bytes.buffer, bytes.byteOffset + offset, size);
      for (const [name, value] of Object.entries(values)) fields[name].write(view, fields[name].offset, value);
    },
  };
}

export const u8 = (offset: number): Field<number> => ({
  offset,
  size: 1,
  read: (v, at) => v.readUInt8(at),
  write: (v, at, n) => void v.writeUInt8(n, at),
});
export const u16le = (offset: number): Field<number> => ({
  offset,
  size: 2,
  read: (v, at) => v.readUInt16LE(at),
  write: (v, at, n) => void v.writeUInt16LE(n, at),
});
export const u32le = (offset: number): Field<number> => ({
  offset,
  size: 4,
  read: (v, at) => v.readUInt32LE(at),
  write: (v, at, n) => void v.writeUInt32LE(n, at),
});
/** 64 bits as a bigint: a hostile value is compared before it becomes a number. */
export const u64le = (offset: number): Field<bigint> => ({
  offset,
  size: 8,
  read: (v, at) => v.readBigUInt64LE(at),
  write: (v, at, n) => void v.writeBigUInt64LE(n, at),
});
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
export const u64be = (offset: number): Field<bigint> => ({
  offset,
  size: 8,
  read: (v, at) => v.readBigUInt64BE(at),
  write: (v, at, n) => void v.writeBigUInt64BE(n, at),
});
/** Bytes as they stand; reading copies, so that the struct's buffer can be let go. */
export const raw = (offset: number, size: number): Field<Buffer> => ({
  offset,
  size,
  read: (v, at) => Buffer.from(v.subarray(at, at + size)),
  write: (v, at, b) => void b.copy(v, at, 0, size),
});
/** Text padded with zero bytes. */
export const text = (
  offset: number,
  size: number,
  encoding: 'latin1' | 'utf8' | 'utf16le' = 'latin1',
): Field<string> => ({
  offset,
  size,
  read: (v, at) => v.toString(encoding, at, at + size).replace(/\0[^]*$/, ''),
  write: (v, at, s) => void v.fill(0, at, at + size).write(s, at, size, encoding),
});
/** Mixed-endian GUID as in GPT (UEFI 2.10 appendix A): first three groups little-endian. Upper case. */
export const guid = (offset: number): Field<string> => ({
  offset,
  size: 16,
  read: (v, at) => {
    const hex = (from: number, to: number, swap: boolean) => {
      const part = Buffer.from(v.subarray(at + from, at + to));
      return (swap ? part.reverse() : part).toString('hex').toUpperCase();
    };
    return [hex(0, 4, true), hex(4, 6, true), hex(6, 8, true), hex(8, 10, false), hex(10, 16, false)].join('-');
  },
  write: (v, at, s) => {
    const [a, b, c, d, e] = s.split('-').map((group) => Buffer.from(group, 'hex'));
    Buffer.concat([a.reverse(), b.reverse(), c.reverse(), d, e]).copy(v, at);
  },
});
