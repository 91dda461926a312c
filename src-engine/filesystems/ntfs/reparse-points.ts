/**
 * Reparse points: what stands for something else. Microsoft, [MS-FSCC] "File System Control Codes", section 2.1.2; tags of the
 * Windows Subsystem for Linux as Linux has them in fs/ntfs3 and ntfs-3g in reparse.c.
 */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { struct, u16le, u32le } from '../../core/struct.ts';
import type { FileKind } from '../../contract/files.contract.ts';
import { decodeName, shownWideName } from '../names.ts';
import { ATTRIBUTE } from './attributes.ts';
import { contentOf } from './contents.ts';
import type { MftRecord, NtfsVolume } from './records.ts';
import { openAttribute } from './streams.ts';

const TAG = { MOUNT_POINT: 0xa0000003, SYMLINK: 0xa000000c, LX_SYMLINK: 0xa000001d } as const;

const KINDS = new Map<number, FileKind>([
  [TAG.MOUNT_POINT, 'link'],
  [TAG.SYMLINK, 'link'],
  [TAG.LX_SYMLINK, 'link'],
  [0x80000023, 'socket'],
  [0x80000024, 'fifo'],
  [0x80000025, 'character-device'],
  [0x80000026, 'block-device'],
]);

/** Tags of files whose content is not in their data, or not all of it, and who put it elsewhere. */
const FEATURES = new Map<number, string>([
  [0x80000017, 'WOF compression'],
  [0x80000013, 'data deduplication'],
  [0x80000007, 'single instance storage'],
  [0x80000008, 'WIM mount'],
  [0xc0000004, 'hierarchical storage'],
  [0x80000006, 'hierarchical storage'],
]);

/** 16 KiB by the specification; what two bytes of length can say here. */
const REPARSE_BYTES_MAX = 8 + 65_535;

const header = struct(8, { tag: u32le(0), dataLength: u16le(4) });
/** The text of a symbolic link begins after four bytes of flags, that of a mount point at once. */
const names = struct(8, {
  substituteOffset: u16le(0),
  substituteLength: u16le(2),
  printOffset: u16le(4),
  printLength: u16le(6),
});
const SYMLINK_FLAGS_BYTES = 4;
const LX_VERSION_BYTES = 4;

export interface ReparsePoint {
  readonly tag: number;
  readonly data: Buffer;
  /** null: it is what its record says, a folder or a file */
  readonly kind: FileKind | null;
}

/** @throws EngineError `FORMAT_INVALID` where a file that should have a reparse point has none */
export async function readReparsePoint(ntfs: NtfsVolume, record: MftRecord): Promise<ReparsePoint> {
  const content = contentOf(ntfs, await openAttribute(ntfs, record, ATTRIBUTE.REPARSE_POINT));
  const bytes = Buffer.alloc(
    checkRange('length of a reparse point', content.lengthBytes, header.size, REPARSE_BYTES_MAX),
  );
  await content.readInto(0, bytes);
  const { tag, dataLength } = header.read(bytes);
  checkSpan('data of a reparse point', header.size, dataLength, bytes.length);
  return { tag, data: bytes.subarray(header.size, header.size + dataLength), kind: KINDS.get(tag) ?? null };
}

/** @throws EngineError `FORMAT_UNSUPPORTED` for a file whose content only its own driver can make out */
export function refuseForeignContent({ tag }: ReparsePoint): void {
  const feature = FEATURES.get(tag);
  if (feature !== undefined) throw new EngineError('FORMAT_UNSUPPORTED', { feature });
}

/**
 * @returns where a link points, as a person would write it, with '/' between names
 * @throws EngineError `FORMAT_INVALID` where it has no such text
 */
export function linkTarget({ tag, data }: ReparsePoint): string {
  if (tag === TAG.LX_SYMLINK) {
    checkRange('length of a link', data.length, LX_VERSION_BYTES, REPARSE_BYTES_MAX);
    return decodeName(data.subarray(LX_VERSION_BYTES));
  }
  const n = names.read(data);
  const text = data.subarray(Math.min(data.length, names.size + (tag === TAG.SYMLINK ? SYMLINK_FLAGS_BYTES : 0)));
  const [at, length] = n.printLength > 0 ? [n.printOffset, n.printLength] : [n.substituteOffset, n.substituteLength];
  checkSpan('text of a link', at, length, text.length);
  const target = text.toString('utf16le', at, at + length).replace(/^\\\?\?\\/, '');
  return target.split('\\').map(shownWideName).join('/');
}
