/**
 * Links, devices and pipes as Interix keeps them and ntfs-3g makes them: system files with a magic, or of no bytes (a pipe) or
 * one (a socket). ntfs-3g, include/ntfs-3g/layout.h (INTX_FILE) and libntfs-3g/dir.c.
 */
import { checkRange } from '../../core/bounds.ts';
import type { FileKind } from '../../contract/files.contract.ts';
import type { FileContent } from '../file-tree.port.ts';
import { shownWideName } from '../names.ts';

const MAGIC_BYTES = 8;
const KINDS = new Map<string, FileKind>([
  ['IntxLNK\x01', 'link'],
  ['IntxCHR\0', 'character-device'],
  ['IntxBLK\0', 'block-device'],
]);

/** Linux limits paths to 4 KiB, of which every byte may be a unit here. */
const LINK_BYTES_MAX = MAGIC_BYTES + 2 * 4096;

/**
 * @param content of a file with the attribute 'system'
 * @param isHidden whether it is hidden too: as system files of Windows are, some of which are as short
 * @returns what it stands for
 */
export async function interixKind(content: FileContent, isHidden: boolean): Promise<FileKind> {
  if (content.lengthBytes === 0 && !isHidden) return 'fifo';
  if (content.lengthBytes === 1 && !isHidden) return 'socket';
  if (content.lengthBytes < MAGIC_BYTES || content.lengthBytes > LINK_BYTES_MAX) return 'file';
  const magic = Buffer.alloc(MAGIC_BYTES);
  await content.readInto(0, magic);
  return KINDS.get(magic.toString('latin1')) ?? 'file';
}

/** @throws EngineError `FORMAT_INVALID`, `READ_FAILED` */
export async function interixTarget(content: FileContent): Promise<string> {
  const bytes = Buffer.alloc(checkRange('length of a link', content.lengthBytes, MAGIC_BYTES, LINK_BYTES_MAX));
  await content.readInto(0, bytes);
  return shownWideName(bytes.toString('utf16le', MAGIC_BYTES));
}
