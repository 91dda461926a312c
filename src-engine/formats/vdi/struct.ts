/** The header of VDI, version 1.1: VirtualBox, Storage/VDICore.h (VDIPREHEADER, VDIHEADER1PLUS). Numbers are little-endian. */
import { guid, struct, text, u32le, u64le } from '../../core/struct.ts';

export const SIGNATURE = 0xbeda107f;
export const VERSION_1_1 = 0x00010001;

export const vdiHeader = struct(488, {
  fileInfo: text(0, 64),
  signature: u32le(64),
  version: u32le(68),
  headerBytes: u32le(72),
  type: u32le(76),
  flags: u32le(80),
  comment: text(84, 256),
  blocksOffset: u32le(340),
  dataOffset: u32le(344),
  /** cylinders, heads, sectors: not used, as the sector size behind them, which is 512 */
  legacySectorBytes: u32le(360),
  diskBytes: u64le(368),
  blockBytes: u32le(376),
  /** in front of each block */
  blockExtraBytes: u32le(380),
  blockCount: u32le(384),
  allocatedCount: u32le(388),
  uuidCreate: guid(392),
  uuidModify: guid(408),
  uuidLinkage: guid(424),
  uuidParentModify: guid(440),
});

/** Length that headers of version 1.1 state, counted from `headerBytes` on. */
export const HEADER_BYTES = 400;

export const TYPE = { DYNAMIC: 1, FIXED: 2, UNDO: 3, DIFFERENCING: 4 } as const;

/** Entries of the block map that are no block: never written, and written with zeros (or discarded). */
export const BLOCK_FREE = 0xffffffff;
export const BLOCK_ZERO = 0xfffffffe;
