/**
 * Numbers and layouts of the NBD protocol, fixed newstyle, all big-endian.
 * Source: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
 */
import { struct, u16be, u32be, u64be } from '../core/struct.ts';

export const NBD_MAGIC = Buffer.from('NBDMAGIC');
/** the same eight bytes begin every option of a client */
export const OPTION_MAGIC = Buffer.from('IHAVEOPT');
export const OPTION_REPLY_MAGIC = 0x3e889045565a9n;
export const REQUEST_MAGIC = 0x25609513;
export const SIMPLE_REPLY_MAGIC = 0x67446698;
export const STRUCTURED_REPLY_MAGIC = 0x668e33ef;

/** Both sides' flags of the greeting. */
export const FIXED_NEWSTYLE = 1;
export const NO_ZEROES = 2;

export const OPTION = {
  EXPORT_NAME: 1,
  ABORT: 2,
  LIST: 3,
  STARTTLS: 5,
  INFO: 6,
  GO: 7,
  STRUCTURED_REPLY: 8,
  LIST_META_CONTEXT: 9,
  SET_META_CONTEXT: 10,
} as const;

const refusing = (number: number) => 0x8000_0000 + number;
export const OPTION_REPLY = {
  ACK: 1,
  SERVER: 2,
  INFO: 3,
  META_CONTEXT: 4,
  ERR_UNSUP: refusing(1),
  ERR_POLICY: refusing(2),
  ERR_INVALID: refusing(3),
  ERR_TLS_REQD: refusing(5),
  ERR_UNKNOWN: refusing(6),
  ERR_SHUTDOWN: refusing(7),
  ERR_TOO_BIG: refusing(9),
} as const;

export const INFO = { EXPORT: 0, NAME: 1, DESCRIPTION: 2, BLOCK_SIZE: 3 } as const;

/** Of an export: has flags, is read-only, knows FLUSH, DF and CACHE, and all connections see the same. */
export const EXPORT_FLAGS = 1 | 2 | 4 | 128 | 256 | 1024;

export const COMMAND = {
  READ: 0,
  WRITE: 1,
  DISC: 2,
  FLUSH: 3,
  TRIM: 4,
  CACHE: 5,
  WRITE_ZEROES: 6,
  BLOCK_STATUS: 7,
} as const;

export const COMMAND_FLAG = { DF: 4, REQ_ONE: 8 } as const;

export const ERROR = {
  EPERM: 1,
  EIO: 5,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSPC: 28,
  EOVERFLOW: 75,
  ENOTSUP: 95,
  ESHUTDOWN: 108,
} as const;

export const CHUNK = {
  NONE: 0,
  OFFSET_DATA: 1,
  OFFSET_HOLE: 2,
  BLOCK_STATUS: 5,
  ERROR: 0x8001,
  ERROR_OFFSET: 0x8002,
} as const;
/** Types of chunks that tell of a failure have this bit, also those that are not known. */
export const CHUNK_FAILS = 0x8000;
export const CHUNK_DONE = 1;

export const ALLOCATION = 'base:allocation';
/** What `base:allocation` says of a run: bit 0, it is not there; bit 1, it reads as zeros. */
export const ZERO = 2;
export const HOLE_AND_ZERO = 1 | ZERO;

export const clientOption = struct(16, { option: u32be(8), lengthBytes: u32be(12) });
export const optionReply = struct(20, { magic: u64be(0), option: u32be(8), type: u32be(12), lengthBytes: u32be(16) });
export const request = struct(28, {
  magic: u32be(0),
  flags: u16be(4),
  command: u16be(6),
  cookie: u64be(8),
  offset: u64be(16),
  lengthBytes: u32be(24),
});
export const simpleReply = struct(16, { magic: u32be(0), error: u32be(4), cookie: u64be(8) });
export const structuredReply = struct(20, {
  magic: u32be(0),
  flags: u16be(4),
  type: u16be(6),
  cookie: u64be(8),
  lengthBytes: u32be(16),
});

/** @param data what the option has beside its number */
export function encodeOption(option: number, ...data: Buffer[]): Buffer {
  const payload = Buffer.concat(data);
  const head = Buffer.alloc(clientOption.size);
  OPTION_MAGIC.copy(head);
  clientOption.write(head, { option, lengthBytes: payload.length });
  return Buffer.concat([head, payload]);
}

export function encodeOptionReply(option: number, type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(optionReply.size);
  optionReply.write(head, { magic: OPTION_REPLY_MAGIC, option, type, lengthBytes: data.length });
  return Buffer.concat([head, data]);
}

export function simpleHead(cookie: bigint, error: number): Buffer {
  const head = Buffer.alloc(simpleReply.size);
  simpleReply.write(head, { magic: SIMPLE_REPLY_MAGIC, error, cookie });
  return head;
}

/** @param payloadBytes of what follows the head */
export function chunkHead(cookie: bigint, type: number, payloadBytes: number, isLast: boolean): Buffer {
  const head = Buffer.alloc(structuredReply.size);
  const flags = isLast ? CHUNK_DONE : 0;
  structuredReply.write(head, { magic: STRUCTURED_REPLY_MAGIC, flags, type, cookie, lengthBytes: payloadBytes });
  return head;
}

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
