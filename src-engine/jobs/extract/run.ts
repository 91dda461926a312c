/** Saves a file or a folder of a template in a folder of this machine. */
import { randomUUID } from 'node:crypto';
import { lstat, mkdir, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { CheckedParams } from '../../contract/commands.ts';
import type { JobResult } from '../../contract/job.contract.ts';
import { EngineError, ioError, tooLittleRoom } from '../../core/engine-error.ts';
import { holdFolder, resolveOwnLinks } from '../../core/held-folder.ts';
import type { JobContext } from '../../core/job-context.ts';
import { PartialOutput } from '../../core/partial-output.ts';
import type { FileNode, FileTree } from '../../filesystems/file-tree.port.ts';
import { isInCatalog } from '../../machines/catalog-files.ts';
import { freeBytes } from '../../machines/free-bytes.ts';
import { isDamage } from '../../browsing/damage.ts';
import { Extraction, MAX_DEPTH } from './extraction.ts';
import { findPath } from '../../browsing/find-path.ts';
import type { OpenTemplate } from '../../browsing/open-template.ts';
import { safeName } from '../../browsing/safe-name.ts';
import { SecondNames } from '../../browsing/second-names.ts';
import { VisitedFolders } from '../../browsing/visited-folders.ts';

/** A folder takes at least this much of the disk. */
const FOLDER_BYTES = 4096;

/**
 * Writes beside its place and gives the name at the end: what ends early leaves nothing. Nothing that is there is
 * overwritten. A folder that is not there is made where its own folder is. Owners become the person's own; links are made as they
 * are, and never followed; devices are left out.
 * @param catalogRoot nothing is saved in there
 * @throws EngineError `DESTINATION_EXISTS`, `NOT_FOUND`, `DISK_FULL`, `PERMISSION_DENIED`, `LINK_NOT_FOLLOWED`; `PLAN_BLOCKED` for the catalog
 */
export async function runExtract(
  template: OpenTemplate,
  catalogRoot: string,
  { volume, path, destination: asked }: CheckedParams<'files.extract'>,
  context: JobContext,
): Promise<JobResult> {
  context.phase('extracting', 0);
  const destination = await resolveOwnLinks(asked);
  const isThere = await isFolder(destination);
  // one that is to be new is made; a path of which more is missing was mistyped
  if (!isThere && !(await mayBeMade(destination))) throw new EngineError('NOT_FOUND', { path: destination });
  if (await isInCatalog(destination, catalogRoot)) {
    const data = { check: 'TARGET_HOLDS_CATALOG', path: destination, details: catalogRoot };
    throw new EngineError('PLAN_BLOCKED', data);
  }
  const tree = await template.tree(volume);
  const found = await findPath(tree, path, false);
  const { id, name } = template.found.template;
  const target = join(destination, safeName(found.name || `${name} ${volume}`));
  if (await lstat(target).catch(() => null)) throw new EngineError('DESTINATION_EXISTS', { path: target });

  const totalBytes = await sizeOf(tree, found.node, context.signal);
  const free = await freeBytes(isThere ? destination : dirname(destination));
  if (totalBytes > free) throw tooLittleRoom(destination, totalBytes, free);
  context.phase('extracting', totalBytes);

  const save = async () => {
    const output = await PartialOutput.begin(target, randomUUID());
    try {
      const extraction = new Extraction(tree, await hasExactNames(output), context);
      await output.within(target, () => extraction.copy(found, output.contentPath));
      context.signal.throwIfAborted();
      await output.publish(false).catch((error) => {
        if (!(error instanceof EngineError) || error.code !== 'OVERWRITE_REQUIRED') throw error;
        throw new EngineError('DESTINATION_EXISTS', { path: target }, '', { cause: error });
      });
      return extraction.writtenBytes;
    } finally {
      await output.end();
    }
  };
  return {
    templateId: id,
    versionNumber: template.found.version.number,
    processedBytes: await (isThere ? save() : withNewFolder(destination, save)),
    storedBytes: 0,
    verifiedBytes: 0,
    readBack: 'none',
    damagedTemplates: [],
  };
}

const isFolder = async (path: string) => (await stat(path).catch(() => null))?.isDirectory() === true;

const mayBeMade = async (path: string) =>
  (await lstat(path).catch(() => null)) === null && (await isFolder(dirname(path)));

/** Makes a folder for what is saved in it; where that fails, it goes again, unless somebody else has put something there. */
async function withNewFolder<T>(path: string, work: () => Promise<T>): Promise<T> {
  const place = await holdFolder(dirname(path), 'none');
  const name = place.at(basename(path));
  try {
    await mkdir(name).catch((error) => {
      throw ioError(place.named(error), 'WRITE_FAILED', { path });
    });
    return await work().catch(async (error) => {
      await rmdir(name).catch(() => {});
      throw error;
    });
  } finally {
    await place.close();
  }
}

/** Whether names that differ in case, or in how their letters are composed, are two names there. */
async function hasExactNames({ folder }: PartialOutput): Promise<boolean> {
  const probe = folder.at('\u00e9');
  await mkdir(probe);
  const others = await Promise.all(['\u00c9', 'e\u0301'].map((name) => lstat(folder.at(name)).catch(() => null)));
  await rmdir(probe);
  return others.every((found) => found === null);
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
