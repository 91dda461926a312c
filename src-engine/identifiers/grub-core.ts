/**
 * GRUB's core image for BIOS, as far as its first configuration names a disk. It is packed with LZMA behind a program that unpacks it, and may
 * be followed by sums against damage: GRUB, util/mkimage.c, grub-core/boot/i386/pc/startup_raw.S, include/grub/offsets.h.
 */
import { Readable } from 'node:stream';
import { decodeLzma } from '../archive/lzma.ts';
import { packLzma } from '../archive/pack-lzma.ts';
import { StreamReader } from '../archive/stream-reader.ts';
import { EngineError } from '../core/engine-error.ts';
import { struct, u32le } from '../core/struct.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';
import type { Partition, Patch } from '../volumes/layout.port.ts';
import { grubCoreExtents } from '../volumes/outside-tables/grub-core.ts';

const SECTOR_BYTES = 512;
const MAX_CORE_BYTES = 8 * 1024 * 1024;
/** GRUB_MODULE_MAGIC: what is behind the kernel. */
const MODULES = Buffer.from('mimg', 'latin1');
/** The program that unpacks, at its largest and at its smallest. */
const [MIN_UNPACKER_BYTES, MAX_UNPACKER_BYTES] = [1024, 9 * 1024];
const unpackerStruct = struct(32, { packedBytes: u32le(8), contentBytes: u32le(12), redundancyBytes: u32le(16) });
const PROPERTIES = { literalContextBits: 3, literalPositionBits: 0, positionBits: 2, dictionaryBytes: 64 * 1024 };

export interface GrubCore {
  /** where it lies on the disk, its first sector first */
  readonly extents: readonly Extent[];
  /** all of it, as it lies there */
  readonly bytes: Buffer;
  /** from the beginning of {@link bytes} */
  readonly packedAt: number;
  /** kernel, modules and configuration; null: it is packed in a way that is not known here */
  readonly content: Buffer | null;
}

/** @returns null where the disk does not start by GRUB @throws EngineError `READ_FAILED` */
export async function readGrubCore(disk: BlockSource): Promise<GrubCore | null> {
  const extents = await grubCoreExtents(disk);
  if (extents.length < 2) return null;
  const lengthBytes = extents.reduce((sum, extent) => sum + extent.lengthBytes, 0);
  if (lengthBytes > MAX_CORE_BYTES) return null;
  const pieces: Buffer[] = [];
  for (const { startBytes, lengthBytes: bytes } of extents) pieces.push(await readBytes(disk, startBytes, bytes));
  const bytes = Buffer.concat(pieces);
  for (const packedAt of startsOf(bytes)) {
    const content = await unpacked(bytes, packedAt);
    if (content) return { extents, bytes, packedAt, content };
  }
  return { extents, bytes, packedAt: 0, content: null };
}

/** Where the packed part may begin: right before its end, which is known to a sector. */
function startsOf(bytes: Buffer): number[] {
  const { packedBytes, redundancyBytes } = unpackerStruct.read(bytes, SECTOR_BYTES);
  const last = bytes.length - redundancyBytes - packedBytes;
  const starts: number[] = [];
  for (let at = last; at > last - SECTOR_BYTES; at--) {
    const unpackerBytes = at - SECTOR_BYTES;
    const isPossible = unpackerBytes >= MIN_UNPACKER_BYTES && unpackerBytes <= MAX_UNPACKER_BYTES;
    // the range coder begins with a zero
    if (isPossible && bytes[at] === 0 && bytes[at + 1] !== 0) starts.push(at);
    if (redundancyBytes > 0) break;
  }
  return starts;
}

async function unpacked(bytes: Buffer, at: number): Promise<Buffer | null> {
  const { packedBytes, contentBytes } = unpackerStruct.read(bytes, SECTOR_BYTES);
  if (contentBytes === 0 || contentBytes > MAX_CORE_BYTES) return null;
  const packed = bytes.subarray(at, at + packedBytes);
  try {
    const pieces: Buffer[] = [];
    const reader = new StreamReader(Readable.from([packed]), 'core');
    for await (const piece of decodeLzma(reader, { ...PROPERTIES, lengthBytes: contentBytes })) pieces.push(piece);
    const content = Buffer.concat(pieces);
    return content.length === contentBytes && content.includes(MODULES) ? content : null;
  } catch (error) {
    if (error instanceof EngineError && /^FORMAT_/.test(error.code)) return null;
    throw error;
  }
}

/** UEFI calls it by no name; GRUB's manual, "BIOS installation". */
const BIOS_BOOT_TYPE = '21686148-6449-6E6F-744E-656564454649';

/** Whether it lies where no file system keeps anything: in front of all partitions, or in one made for it. */
export function isCoreApart({ extents }: GrubCore, partitions: readonly Partition[]): boolean {
  return extents.every(({ startBytes, lengthBytes }) => {
    const own = partitions.filter(
      (one) => one.startBytes < startBytes + lengthBytes && startBytes < one.startBytes + one.lengthBytes,
    );
    return own.every(({ typeId }) => typeId === BIOS_BOOT_TYPE);
  });
}

/**
 * Bytes of the disk where the core has other content of the same length. The sums against damage, which would be those of the old, are left out: GRUB
 * goes without them where it is told that they have no length.
 * @returns null where the content, packed, has no room
 * @throws EngineError as {@link packLzma}
 */
export async function rewrittenCore(core: GrubCore, content: Buffer, signal: AbortSignal): Promise<Patch[] | null> {
  const packed = await packLzma(content, signal);
  if (core.packedAt + packed.length > core.bytes.length) return null;
  const bytes = Buffer.from(core.bytes);
  bytes.fill(0, core.packedAt);
  packed.copy(bytes, core.packedAt);
  unpackerStruct.write(bytes, { packedBytes: packed.length, redundancyBytes: 0 }, SECTOR_BYTES);
  let at = 0;
  return core.extents.map(({ startBytes, lengthBytes }) => {
    const piece = bytes.subarray(at, at + lengthBytes);
    at += lengthBytes;
    return { offsetBytes: startBytes, bytes: piece };
  });
}
