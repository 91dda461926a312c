/** What the header of a qcow2 image says, checked: QEMU, docs/interop/qcow2.txt, "Header" and "Header extensions". */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import type { DiskImageFormat } from '../disk-image.port.ts';
import { withoutDot } from '../sibling-name.ts';
import { checkInFile } from '../truncated.ts';
import {
  COMPRESSION_ZLIB,
  COMPRESSION_ZSTD,
  EXTENSION_BACKING_FORMAT,
  EXTENSION_END,
  extensionHeader,
  headerV2,
  headerV3,
  INCOMPATIBLE,
  MAGIC,
} from './struct.ts';

interface Span {
  readonly startBytes: number;
  readonly endBytes: number;
}

export interface Qcow2Header {
  readonly version: number;
  readonly lengthBytes: number;
  readonly clusterBits: number;
  readonly clusterBytes: number;
  readonly l1Offset: number;
  readonly l1Entries: number;
  /** entries of one L2 table, and the length of each */
  readonly l2Entries: number;
  readonly l2EntryBytes: number;
  readonly hasSubclusters: boolean;
  readonly compression: 'zlib' | 'zstd';
  /** where extensions of the header are */
  readonly extensions: Span;
  readonly autoclear: bigint;
  /** internal ones, which have tables of their own: the disk is what it is now */
  readonly snapshots: number;
  readonly backing: {
    /** without the `./` in front */
    readonly name: string;
    /** null where the image does not say */
    readonly format: DiskImageFormat | null;
  } | null;
}

const CLUSTER_BITS_MIN = 9;
const CLUSTER_BITS_MAX = 21;
/** Subclusters are 32 to a cluster, and 512 bytes at least. */
const EXTENDED_CLUSTER_BITS_MIN = 14;
/** As QEMU: 32 MiB. */
const L1_BYTES_MAX = 32 * 1024 * 1024;
/** Longer disks do not exist, and lengths stay exact. */
const LENGTH_MAX = 2 ** 52;
const BACKING_NAME_BYTES_MAX = 1023;
const EXTENSIONS_MAX = 64;

/**
 * @returns null where the file is no qcow2 image
 * @throws EngineError `FORMAT_INVALID`; `FILE_TRUNCATED`; `FORMAT_UNSUPPORTED` for qcow version 1, encryption, an external data file,
 *   images marked as corrupt, and features of the future
 */
export async function readQcow2Header(file: BlockSource): Promise<Qcow2Header | null> {
  if (file.lengthBytes < 8) return null;
  const start = await readBytes(file, 0, Math.min(headerV2.size + headerV3.size, file.lengthBytes));
  if (start.readUInt32BE(0) !== MAGIC) return null;
  const version = start.readUInt32BE(4);
  if (version !== 2 && version !== 3) throw unsupported(version === 1 ? 'qcow version 1' : `qcow2 version ${version}`);
  checkInFile('header', file, 0, version === 2 ? headerV2.size : 104);

  const fields = headerV2.read(start);
  if (fields.crypt_method !== 0) throw unsupported('encrypted qcow2');
  const more = version === 2 ? V2_DEFAULTS : readMore(start);
  const clusterBits = checkRange('cluster_bits', fields.cluster_bits, CLUSTER_BITS_MIN, CLUSTER_BITS_MAX);
  if (more.hasSubclusters) checkRange('cluster_bits', clusterBits, EXTENDED_CLUSTER_BITS_MIN, CLUSTER_BITS_MAX);
  const clusterBytes = 2 ** clusterBits;
  const l2EntryBytes = more.hasSubclusters ? 16 : 8;
  const l2Entries = clusterBytes / l2EntryBytes;
  const lengthBytes = checkRange('size', Number(fields.size), 0, LENGTH_MAX);
  const l1Needed = Math.ceil(lengthBytes / (clusterBytes * l2Entries));
  const l1Entries = checkRange('l1_size', fields.l1_size, l1Needed, L1_BYTES_MAX / 8);
  const l1Offset = Number(fields.l1_table_offset);
  if (l1Entries > 0) {
    if (l1Offset % clusterBytes !== 0) checkRange('l1_table_offset', Number.NaN, 0, 0);
    checkInFile('l1_table_offset', file, l1Offset, l1Entries * 8);
  }
  const backing = await readBacking(file, fields, version === 2 ? headerV2.size : more.headerBytes, clusterBytes);
  return {
    version,
    lengthBytes,
    clusterBits,
    clusterBytes,
    l1Offset,
    l1Entries,
    l2Entries,
    l2EntryBytes,
    hasSubclusters: more.hasSubclusters,
    compression: more.compression,
    extensions: {
      startBytes: more.headerBytes,
      endBytes: Math.min(file.lengthBytes, Number(fields.backing_file_offset) || clusterBytes),
    },
    autoclear: more.autoclear,
    snapshots: fields.nb_snapshots,
    backing,
  };
}

const V2_DEFAULTS = { hasSubclusters: false, compression: 'zlib', headerBytes: headerV2.size, autoclear: 0n } as const;

function readMore(start: Buffer) {
  const room = Buffer.alloc(headerV3.size);
  start.copy(room, 0, headerV2.size);
  const fields = headerV3.read(room);
  const features = fields.incompatible_features;
  if (features & INCOMPATIBLE.CORRUPT) throw unsupported('qcow2 marked as corrupt');
  if (features & INCOMPATIBLE.EXTERNAL_DATA) throw unsupported('qcow2 with an external data file');
  const strangers = features & ~Object.values(INCOMPATIBLE).reduce((all, bit) => all | bit, 0n);
  if (strangers !== 0n) throw unsupported(`qcow2 incompatible features 0x${strangers.toString(16)}`);
  const headerBytes = checkRange('header_length', fields.header_length, 104, 4096);
  const type = features & INCOMPATIBLE.COMPRESSION && headerBytes > 104 ? fields.compression_type : COMPRESSION_ZLIB;
  if (type !== COMPRESSION_ZLIB && type !== COMPRESSION_ZSTD) throw unsupported(`qcow2 compression type ${type}`);
  return {
    hasSubclusters: (features & INCOMPATIBLE.EXTENDED_L2) !== 0n,
    compression: type === COMPRESSION_ZSTD ? ('zstd' as const) : ('zlib' as const),
    headerBytes,
    autoclear: fields.autoclear_features,
  };
}

async function readBacking(
  file: BlockSource,
  fields: { backing_file_offset: bigint; backing_file_size: number },
  headerBytes: number,
  clusterBytes: number,
): Promise<Qcow2Header['backing']> {
  if (fields.backing_file_offset === 0n) return null;
  const nameBytes = checkRange('backing_file_size', fields.backing_file_size, 1, BACKING_NAME_BYTES_MAX);
  const offset = Number(fields.backing_file_offset);
  checkSpan('backing_file_offset', offset, nameBytes, Math.max(clusterBytes, 4096));
  checkInFile('backing_file_offset', file, offset, nameBytes);
  const name = (await readBytes(file, offset, nameBytes)).toString('utf8');
  const format = await backingFormat(file, headerBytes, offset);
  return { name: withoutDot(name), format: format === '' ? null : knownFormat(format) };
}

/** In QEMU's words. A device or a protocol is no file beside the image. */
function knownFormat(format: string): DiskImageFormat {
  const known = BACKING_FORMATS[format.toLowerCase()];
  if (!known) throw unsupported(`a backing file of the format ${format.replace(/[^\x20-\x7e]/g, '?').slice(0, 50)}`);
  return known;
}

const BACKING_FORMATS: Readonly<Record<string, DiskImageFormat | undefined>> = Object.assign(Object.create(null), {
  raw: 'raw',
  file: 'raw',
  qcow2: 'qcow2',
  vmdk: 'vmdk',
  vdi: 'vdi',
  vpc: 'vhd',
  vhdx: 'vhdx',
});

/** The name of the backing file's format: '' where the image does not say. */
async function backingFormat(file: BlockSource, headerBytes: number, endBytes: number): Promise<string> {
  const span = { startBytes: headerBytes, endBytes };
  return (await findExtension(file, span, EXTENSION_BACKING_FORMAT))?.toString('latin1') ?? '';
}

/** @returns what the first extension of that type holds; null: there is none @throws EngineError `FORMAT_INVALID` */
export async function findExtension(file: BlockSource, span: Span, wanted: number): Promise<Buffer | null> {
  const { startBytes, endBytes } = span;
  if (startBytes >= endBytes) return null;
  const area = await readBytes(file, startBytes, endBytes - startBytes);
  for (let at = 0, count = 0; at + extensionHeader.size <= area.length; count++) {
    const { type, length } = extensionHeader.read(area, at);
    if (type === EXTENSION_END) break;
    checkRange('header extensions', count, 0, EXTENSIONS_MAX);
    const start = at + extensionHeader.size;
    checkSpan('header extension', start, length, area.length);
    if (type === wanted) return area.subarray(start, start + length);
    at = start + Math.ceil(length / 8) * 8;
  }
  return null;
}

function unsupported(feature: string): EngineError {
  return new EngineError('FORMAT_UNSUPPORTED', { feature });
}
