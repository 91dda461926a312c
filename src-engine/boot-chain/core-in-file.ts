/**
 * GRUB's core as a file of its guest's, which boot code reads by its blocks: where a program gave the file system another length, they may
 * lie elsewhere. The file is found by its name and believed by its bytes alone.
 */
import { createHash } from 'node:crypto';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';
import type { FileTree } from '../filesystems/file-tree.port.ts';
import { GuestFiles } from '../guest/guest-files.ts';
import { bytesOf } from '../volumes/extents.ts';
import type { Patch } from '../volumes/layout.port.ts';
import { CORE_SECTOR_AT, GRUB_SECTOR_BYTES, withBlockList } from '../volumes/outside-tables/grub-core.ts';
import type { CoreAccount } from './boot-account.ts';
import { extentsOfFile } from './extents-of-file.ts';

/** Where grub-install puts it, from the root of the system or of its /boot. */
const PATHS = ['/boot/grub', '/boot/grub2', '/grub', '/grub2'].map((folder) => `${folder}/i386-pc/core.img`);
const MAX_CORE_BYTES = 4 * 1024 * 1024;
/** As many runs as certainly have room behind the code and the words of the first sector. */
const MAX_RUNS = 8;

/**
 * @param disk the target @param bootBytes where the boot sector is that is to lead to the core
 * @param wanted the template's core
 * @param volume the partition that it lay in
 * @returns what is to be written for boot sector and core to find it; null where the file is not there, is not the core, or lies in too many
 *   pieces
 * @throws EngineError `READ_FAILED`
 */
export async function coreInFile(
  disk: BlockSource,
  bootBytes: number,
  wanted: CoreAccount,
  { tree, startBytes }: { readonly tree: FileTree; readonly startBytes: number },
  signal: AbortSignal,
): Promise<Patch[] | null> {
  if (wanted.lengthBytes > MAX_CORE_BYTES) return null;
  const path = await new GuestFiles({ tree, node: tree.root }, signal).firstOf(PATHS);
  if (path === null) return null;
  const inVolume = await extentsOfFile(tree, path, signal);
  const extents = cut(
    inVolume.map((extent) => ({ ...extent, startBytes: startBytes + extent.startBytes })),
    wanted.lengthBytes,
  );
  if (bytesOf(extents) !== wanted.lengthBytes || extents[0].lengthBytes < GRUB_SECTOR_BYTES) return null;
  const bytes = Buffer.concat(
    await Promise.all(extents.map((one) => readBytes(disk, one.startBytes, one.lengthBytes))),
  );
  const first = bytes.subarray(0, GRUB_SECTOR_BYTES);
  const [head, ...others] = extents;
  const rest = [
    { startBytes: head.startBytes + GRUB_SECTOR_BYTES, lengthBytes: head.lengthBytes - GRUB_SECTOR_BYTES },
    ...others,
  ].filter(({ lengthBytes }) => lengthBytes > 0);
  const blank = withBlockList(first, [], MAX_RUNS)!;
  const hash = createHash('sha256').update(blank).update(bytes.subarray(GRUB_SECTOR_BYTES)).digest('hex');
  const sector = hash === wanted.sha256 ? withBlockList(first, rest, MAX_RUNS) : null;
  if (!sector) return null;
  const pointer = Buffer.alloc(8);
  pointer.writeBigUInt64LE(BigInt(head.startBytes / GRUB_SECTOR_BYTES));
  return [
    { offsetBytes: head.startBytes, bytes: sector },
    { offsetBytes: bootBytes + CORE_SECTOR_AT, bytes: pointer },
  ];
}

/** The first so many bytes of them. */
function cut(extents: readonly Extent[], lengthBytes: number): Extent[] {
  let left = lengthBytes;
  return extents.flatMap((extent) => {
    const taken = Math.min(left, extent.lengthBytes);
    left -= taken;
    return taken > 0 ? [{ startBytes: extent.startBytes, lengthBytes: taken }] : [];
  });
}
