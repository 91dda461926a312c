/** What is in a file: struct btrfs_file_extent_item (Linux, include/uapi/linux/btrfs_tree.h). */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { struct, u16le, u64le, u8 } from '../../core/struct.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import { joinTouching } from '../extents.ts';
import type { FileContent } from '../file-tree.port.ts';
import { MAX_UNPACKED_BYTES, unpackExtent } from './compression.ts';
import type { InodePlace } from './inodes.ts';
import { address } from './superblock.ts';
import { MAX_OFFSET, type Item } from './tree.ts';
import { TYPE, type BtrfsVolume } from './volume.ts';

const head = struct(21, {
  unpackedBytes: u64le(8),
  compression: u8(16),
  encryption: u8(17),
  otherEncoding: u16le(18),
  type: u8(20),
});
const stored = struct(53, { diskBytenr: u64le(21), diskBytes: u64le(29), offset: u64le(37), lengthBytes: u64le(45) });

const INLINE = 0;
const REGULAR = 1;
const PREALLOCATED = 2;
const BATCH = 256;

interface FileExtent {
  readonly fileBytes: number;
  readonly lengthBytes: number;
  readonly compression: number;
  /** of what is compressed: how long it becomes, and where in that the file's part begins */
  readonly unpackedBytes: number;
  readonly skipBytes: number;
  /** bytes in the tree itself; null for those that lie elsewhere */
  readonly inline: Buffer | null;
  /** logical address and length of what is stored; null for holes and what was only reserved */
  readonly stored: { readonly bytenr: number; readonly lengthBytes: number } | null;
  /** reserved, and never written */
  readonly isReserved: boolean;
}

function toExtent({ offset, data }: Item, sectorBytes: number): FileExtent {
  const fileBytes = address('extent offset', offset);
  const { unpackedBytes: unpacked, compression, encryption, otherEncoding, type } = head.read(data);
  if (encryption !== 0 || otherEncoding !== 0)
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'btrfs encryption' });
  const unpackedBytes = address('ram_bytes', unpacked);
  if (compression !== 0) checkRange('ram_bytes', unpackedBytes, 0, MAX_UNPACKED_BYTES);
  if (type === INLINE) {
    const inline = Buffer.from(data.subarray(head.size));
    if (compression === 0) checkRange('inline length', unpackedBytes, 0, inline.length);
    checkRange('inline length', unpackedBytes, 0, Math.max(sectorBytes, MAX_UNPACKED_BYTES));
    return {
      fileBytes,
      lengthBytes: unpackedBytes,
      compression,
      unpackedBytes,
      skipBytes: 0,
      inline,
      stored: null,
      isReserved: false,
    };
  }
  if (type !== REGULAR && type !== PREALLOCATED)
    throw new EngineError('FORMAT_INVALID', { field: 'extent type', value: String(type) });
  const fields = stored.read(data);
  const bytenr = address('disk_bytenr', fields.diskBytenr);
  const diskBytes = address('disk_num_bytes', fields.diskBytes);
  const lengthBytes = address('num_bytes', fields.lengthBytes);
  const skipBytes = address('extent offset', fields.offset);
  if (bytenr !== 0) {
    checkSpan('file extent', skipBytes, lengthBytes, compression === 0 ? diskBytes : unpackedBytes);
    if (compression !== 0) checkRange('disk_num_bytes', diskBytes, 1, MAX_UNPACKED_BYTES);
  }
  const where = bytenr === 0 ? null : { bytenr, lengthBytes: diskBytes };
  const isReserved = type === PREALLOCATED;
  return { fileBytes, lengthBytes, compression, unpackedBytes, skipBytes, inline: null, stored: where, isReserved };
}

/** Those that reach behind `fromBytes`, ascending and disjoint. */
async function* extentsFrom(
  { sb, trees }: BtrfsVolume,
  place: InodePlace,
  fromBytes: number,
): AsyncGenerator<FileExtent> {
  const key = { objectId: place.inode, type: TYPE.EXTENT_DATA };
  const first = await trees.floor(place.subvolume, { ...key, offset: BigInt(fromBytes) });
  const isOwn = first?.objectId === place.inode && first.type === TYPE.EXTENT_DATA;
  const min = { ...key, offset: isOwn ? first.offset : BigInt(fromBytes) };
  let endBytes = 0;
  for await (const item of trees.items(place.subvolume, min, { ...key, offset: MAX_OFFSET })) {
    const extent = toExtent(item, sb.sectorBytes);
    if (extent.fileBytes < endBytes)
      throw new EngineError('FORMAT_INVALID', { field: 'file extents', value: String(extent.fileBytes) });
    endBytes = checkRange('file extent end', extent.fileBytes + extent.lengthBytes, 0, Number.MAX_SAFE_INTEGER);
    yield extent;
  }
}

/** @param lengthBytes of the file, as its inode says */
export function contentOf(volume: BtrfsVolume, place: InodePlace, lengthBytes: number): FileContent {
  /** What was unpacked last: small reads go on in it. */
  let last: { readonly key: string; readonly bytes: Promise<Buffer> } | null = null;

  function unpacked(extent: FileExtent): Promise<Buffer> {
    const key = `${extent.fileBytes} ${extent.stored?.bytenr}`;
    if (last?.key !== key) {
      last = { key, bytes: unpack(extent) };
      last.bytes.catch(() => (last = null));
    }
    return last.bytes;
  }

  async function unpack({ inline, stored: at, compression, unpackedBytes }: FileExtent): Promise<Buffer> {
    const packed = inline ?? Buffer.allocUnsafe(at!.lengthBytes);
    if (!inline) await volume.map.readInto(at!.bytenr, packed);
    return unpackExtent(compression, packed, unpackedBytes, volume.sb.sectorBytes);
  }

  return {
    lengthBytes,
    async readInto(offsetBytes, into) {
      checkSpan('read', offsetBytes, into.length, lengthBytes);
      into.fill(0);
      const endBytes = offsetBytes + into.length;
      if (into.length === 0) return;
      for await (const extent of extentsFrom(volume, place, offsetBytes)) {
        if (extent.fileBytes >= endBytes) return;
        const from = Math.max(offsetBytes, extent.fileBytes);
        const to = Math.min(endBytes, extent.fileBytes + extent.lengthBytes);
        if (from >= to || extent.isReserved || (!extent.stored && !extent.inline)) continue;
        const target = into.subarray(from - offsetBytes, to - offsetBytes);
        const start = from - extent.fileBytes + extent.skipBytes;
        if (extent.compression !== 0) target.set((await unpacked(extent)).subarray(start, start + target.length));
        else if (extent.inline) target.set(extent.inline.subarray(start, start + target.length));
        else await volume.map.readInto(extent.stored!.bytenr + start, target);
      }
    },
    dataRuns: (signal) => joinTouching(runs(volume, place, lengthBytes, signal)),
  };
}

async function* runs(
  volume: BtrfsVolume,
  place: InodePlace,
  lengthBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Extent[]> {
  let batch: Extent[] = [];
  for await (const extent of extentsFrom(volume, place, 0)) {
    if (extent.fileBytes >= lengthBytes) break;
    if (extent.isReserved || (!extent.stored && !extent.inline) || extent.lengthBytes === 0) continue;
    batch.push({
      startBytes: extent.fileBytes,
      lengthBytes: Math.min(extent.lengthBytes, lengthBytes - extent.fileBytes),
    });
    if (batch.length < BATCH) continue;
    signal.throwIfAborted();
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** Where the stored bytes of a file lie in the volume, all copies. */
export async function* placesInVolume(
  volume: BtrfsVolume,
  place: InodePlace,
  signal: AbortSignal,
): AsyncGenerator<Extent[]> {
  let batch: Extent[] = [];
  for await (const { stored: at, compression, skipBytes, lengthBytes } of extentsFrom(volume, place, 0)) {
    if (!at) continue;
    // of what is compressed the whole is needed
    const [start, length] = compression === 0 ? [at.bytenr + skipBytes, lengthBytes] : [at.bytenr, at.lengthBytes];
    if (length === 0) continue;
    batch.push(...volume.map.placesOf(start, length).map((startBytes) => ({ startBytes, lengthBytes: length })));
    if (batch.length < BATCH) continue;
    signal.throwIfAborted();
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
