/** Saves a file or a folder of a template in a folder of this machine. */
import { link, lstat, mkdir, mkdtemp, rename, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckedParams } from '../../contract/commands.ts';
import type { JobResult } from '../../contract/job.contract.ts';
import { EngineError, ioError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { FileNode, FileTree } from '../../filesystems/file-tree.port.ts';
import { freeBytes } from '../free-bytes.ts';
import { isDamage } from './damage.ts';
import { Extraction, MAX_DEPTH } from './extraction.ts';
import { findPath } from './find-path.ts';
import type { OpenTemplate } from './open-template.ts';
import { safeName } from './safe-name.ts';
import { SecondNames } from './second-names.ts';
import { VisitedFolders } from './visited-folders.ts';

/** A folder takes at least this much of the disk. */
const FOLDER_BYTES = 4096;

/**
 * Writes beside its place and gives the name at the end: what ends early leaves nothing. Nothing that is there is
 * overwritten. Owners become the person's own; links are made as they are, and never followed; devices are left out.
 * @throws EngineError `DESTINATION_EXISTS`, `NOT_FOUND`, `DISK_FULL`, `PERMISSION_DENIED`
 */
export async function runExtract(
  template: OpenTemplate,
  { volume, path, destination }: CheckedParams<'files.extract'>,
  context: JobContext,
): Promise<JobResult> {
  context.phase('extracting', 0);
  if (!(await stat(destination).catch(() => null))?.isDirectory()) {
    throw new EngineError('NOT_FOUND', { path: destination });
  }
  const tree = await template.tree(volume);
  const found = await findPath(tree, path, false);
  const { id, name } = template.found.template;
  const target = join(destination, safeName(found.name || `${name} ${volume}`));
  if (await lstat(target).catch(() => null)) throw new EngineError('DESTINATION_EXISTS', { path: target });

  const totalBytes = await sizeOf(tree, found.node, context.signal);
  const free = await freeBytes(destination);
  if (totalBytes > free)
    throw new EngineError('DISK_FULL', { path: destination, requiredBytes: totalBytes, freeBytes: free });
  context.phase('extracting', totalBytes);

  const scratch = await mkdtemp(join(destination, '.diskpress-')).catch((error) => {
    throw ioError(error, 'WRITE_FAILED', { path: destination });
  });
  try {
    const extraction = new Extraction(tree, await hasExactNames(scratch), context);
    const own = join(scratch, 'content');
    await extraction.copy(found, own);
    context.signal.throwIfAborted();
    await publish(own, target, found.node);
    return {
      templateId: id,
      versionNumber: template.found.version.number,
      processedBytes: extraction.writtenBytes,
      storedBytes: 0,
      verifiedBytes: 0,
      readBack: 'none',
      damagedTemplates: [],
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Whether names that differ in case, or in how their letters are composed, are two names there. */
async function hasExactNames(folder: string): Promise<boolean> {
  const probe = join(folder, '\u00e9');
  await mkdir(probe);
  const others = await Promise.all(['\u00c9', 'e\u0301'].map((name) => lstat(join(folder, name)).catch(() => null)));
  await rmdir(probe);
  return others.every((found) => found === null);
}

/** Gives the name, unless somebody else has given it meanwhile. */
async function publish(own: string, target: string, { kind }: FileNode): Promise<void> {
  if (await lstat(target).catch(() => null)) throw new EngineError('DESTINATION_EXISTS', { path: target });
  try {
    // unlike a new name, a second one never replaces a file
    if (kind !== 'folder') return await link(own, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new EngineError('DESTINATION_EXISTS', { path: target }, '', { cause: error });
    }
    // there are no second names here
  }
  await rename(own, target).catch((error) => {
    throw ioError(error, 'WRITE_FAILED', { path: target });
  });
}

/** Bytes that a copy takes, holes not counted; a file with several names once. */
async function sizeOf(tree: FileTree, top: FileNode, signal: AbortSignal): Promise<number> {
  const visited = new VisitedFolders();
  const names = new SecondNames<true>();

  async function size(node: FileNode, depth: number): Promise<number> {
    signal.throwIfAborted();
    let sum = 0;
    try {
      if (node.kind === 'folder' && depth < MAX_DEPTH && visited.isNew(node)) {
        sum += FOLDER_BYTES;
        for await (const batch of tree.list(node, signal)) {
          for (const entry of batch) sum += await size(entry.node, depth + 1);
        }
      } else if (node.kind === 'file' && !names.firstOf(node, true)) {
        const content = await tree.open(node);
        for await (const runs of content.dataRuns(signal)) for (const { lengthBytes } of runs) sum += lengthBytes;
      }
    } catch (error) {
      // the copy tells it
      if (!isDamage(error)) throw error;
    }
    return sum;
  }
  return size(top, 0);
}
