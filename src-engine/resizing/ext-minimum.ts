/**
 * How small resize2fs would make an ext file system. It tells that from the superblock and the group descriptors, so it is shown a sparse
 * file with nothing else in it; what it says is more than what is in use, and it refuses less.
 */
import { constants } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';
import { descriptorTable } from '../filesystems/ext/groups.ts';
import { SUPERBLOCK_OFFSET_BYTES, type ExtSuperblock } from '../filesystems/ext/superblock.ts';
import { runTool } from '../tools/run-tool.ts';

const SUPERBLOCK_BYTES = 1024;
const DEADLINE_MS = 60_000;

/** @returns null where it cannot be asked @throws EngineError `READ_FAILED` of the volume */
export async function extMinimum(volume: BlockSource, superblock: ExtSuperblock): Promise<number | null> {
  const { blockBytes, blockCount } = superblock;
  const places = [
    [SUPERBLOCK_OFFSET_BYTES, SUPERBLOCK_BYTES],
    ...descriptorTable(superblock).map((block) => [block * blockBytes, blockBytes]),
  ];
  const folder = await mkdtemp(join(tmpdir(), 'diskpress-'));
  try {
    const file = await open(join(folder, 'head'), constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      await file.truncate(blockCount * blockBytes);
      for (const [at, bytes] of places) await file.write(await readBytes(volume, at, bytes), 0, bytes, at);
      const run = { signal: AbortSignal.timeout(DEADLINE_MS), descriptors: [file.fd] };
      const { stdout } = await runTool('resize2fs', ['-P', '/proc/self/fd/3'], run);
      const blocks = /minimum size of the filesystem: (\d+)/.exec(stdout.toString('utf8'))?.[1];
      return blocks === undefined ? null : Number(blocks) * blockBytes;
    } finally {
      await file.close();
    }
  } catch (error) {
    // a folder for temporary files that takes no file as long as that, a program that is not there
    if (error instanceof EngineError && error.code === 'READ_FAILED') throw error;
    return null;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
