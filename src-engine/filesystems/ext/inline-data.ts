/** Small files and folders inside their inode: Linux, Documentation/filesystems/ext4/inlinedata.rst and attributes.rst. */
import { checkRange } from '../../core/bounds.ts';
import { struct, u16le, u32le, u8 } from '../../core/struct.ts';
import type { ExtInode } from './inodes.ts';

const MAGIC = 0xea020000;
const entryLayout = struct(16, { name_len: u8(0), name_index: u8(1), value_offs: u16le(2), value_size: u32le(8) });
const INDEX_SYSTEM = 7;

/**
 * @returns what stands in place of the map, and what follows it in the extended attribute "system.data"; the latter is empty
 *   where there is none
 * @throws EngineError `FORMAT_INVALID` where the attributes leave the inode
 */
export function inlineParts(inode: ExtInode): readonly [Buffer, Buffer] {
  return [inode.map, systemData(inode.attributes)];
}

function systemData(attributes: Buffer): Buffer {
  if (attributes.length < 4 || attributes.readUInt32LE(0) !== MAGIC) return Buffer.alloc(0);
  const entries = attributes.subarray(4);
  // Four zero bytes end the list, unless the inode does.
  for (let at = 0; at + 4 <= entries.length && entries.readUInt32LE(at) !== 0;) {
    const { name_len, name_index, value_offs, value_size } = entryLayout.read(entries, at);
    const nameAt = at + entryLayout.size;
    if (name_index === INDEX_SYSTEM && entries.toString('latin1', nameAt, nameAt + name_len) === 'data') {
      checkRange('e_value_offs', value_offs, 0, entries.length);
      checkRange('e_value_size', value_size, 0, entries.length - value_offs);
      return entries.subarray(value_offs, value_offs + value_size);
    }
    at = nameAt + Math.ceil(name_len / 4) * 4;
  }
  return Buffer.alloc(0);
}
