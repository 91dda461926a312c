/** Copies a file or a folder out of a template into a folder of this machine. */
import { constants } from 'node:fs';
import { chmod, link, lstat, lutimes, mkdir, mkdtemp, open, rename, rm, stat, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckedParams } from '../../contract/commands.ts';
import type { JobResult } from '../../contract/job.contract.ts';
import { EngineError, ioError, toEngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { FileNode, FileTree, FolderEntry } from '../../filesystems/file-tree.port.ts';
import { freeBytes } from '../free-bytes.ts';
import { findPath } from './find-path.ts';
import type { OpenTemplate } from './open-template.ts';
import { safeName, UniqueNames } from './safe-name.ts';

const PIECE_BYTES = 1024 * 1024;
/** Folders inside folders: a tree that goes round has no end of its own. */
const MAX_DEPTH = 512;
const BLOCK_BYTES = 4096;

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
  const target = join(destination, safeName(found.name || `${template.found.template.name} ${volume}`));
  await refuseExisting(target);

  const totalBytes = await sizeOf(tree, found.node, context.signal);
  const free = await freeBytes(destination);
  if (totalBytes > free)
    throw new EngineError('DISK_FULL', { path: destination, requiredBytes: totalBytes, freeBytes: free });
  context.phase('extracting', totalBytes);

  const scratch = await mkdtemp(join(destination, '.diskpress-')).catch((error) => {
    throw ioError(error, 'WRITE_FAILED', { path: destination });
  });
  try {
    const copy = new Extraction(tree, context);
    const own = join(scratch, 'content');
    await copy.entry({ name: found.name, node: found.node }, own, 0);
    copy.tell();
    context.signal.throwIfAborted();
    await refuseExisting(target);
    await rename(own, target);
    return {
      templateId: template.found.template.id,
      versionNumber: template.found.version.number,
      processedBytes: copy.writtenBytes,
      storedBytes: 0,
      verifiedBytes: 0,
      readBack: 'none',
      damagedTemplates: [],
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function refuseExisting(path: string): Promise<void> {
  if (await lstat(path).catch(() => null)) throw new EngineError('DESTINATION_EXISTS', { path });
}

/** Bytes that a copy takes, holes not counted; a file with several names once. */
async function sizeOf(tree: FileTree, top: FileNode, signal: AbortSignal): Promise<number> {
  const seen = new Set<string>();
  async function size(node: FileNode, depth: number): Promise<number> {
    signal.throwIfAborted();
    if (node.kind === 'folder') {
      let sum = BLOCK_BYTES;
      if (depth > MAX_DEPTH) return sum;
      for await (const batch of tree.list(node, signal))
        for (const entry of batch) sum += await size(entry.node, depth + 1);
      return sum;
    }
    if (node.kind !== 'file' || (node.linkCount > 1 && seen.has(node.id))) return 0;
    if (node.linkCount > 1) seen.add(node.id);
    let sum = 0;
    try {
      const content = await tree.open(node);
      for await (const runs of content.dataRuns(signal)) for (const { lengthBytes } of runs) sum += lengthBytes;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
    }
    return sum;
  }
  return size(top, 0);
}

/** What is wrong with one file of an image does not keep the others from being copied. */
const isUnreadable = (error: unknown): error is EngineError =>
  error instanceof EngineError && ['FORMAT_INVALID', 'FORMAT_UNSUPPORTED'].includes(error.code);

class Extraction {
  writtenBytes = 0;
  readonly #tree: FileTree;
  readonly #context: JobContext;
  /** first copy of files that have several names */
  readonly #copies = new Map<string, string>();
  #special = 0;
  #renamed = 0;
  readonly #unreadable: { path: string; reason: string }[] = [];

  constructor(tree: FileTree, context: JobContext) {
    this.#tree = tree;
    this.#context = context;
  }

  /** Copies one thing to `to`, which is not there. */
  async entry({ name, node }: FolderEntry, to: string, depth: number): Promise<void> {
    this.#context.signal.throwIfAborted();
    try {
      if (node.kind === 'folder') await this.#folder(node, to, depth);
      else if (node.kind === 'link') await this.#link(node, to);
      else if (node.kind === 'file') await this.#file(node, to);
      else this.#special++;
    } catch (error) {
      if (!isUnreadable(error)) throw isSystemError(error) ? ioError(error, 'WRITE_FAILED', { path: to }) : error;
      if (depth === 0) throw error;
      this.#unreadable.push({ path: name, reason: String(error.data.feature ?? error.data.field ?? error.code) });
    }
  }

  /** Warns of what is not as it was. */
  tell(): void {
    const warn = this.#context.warn.bind(this.#context);
    if (this.#special > 0) warn({ code: 'SPECIAL_FILES_LEFT_OUT', data: { count: this.#special } });
    if (this.#renamed > 0) warn({ code: 'NAMES_MADE_SAFE', data: { count: this.#renamed } });
    const [first] = this.#unreadable;
    if (first) warn({ code: 'FILES_NOT_READ', data: { count: this.#unreadable.length, ...first } });
  }

  async #folder(node: FileNode, to: string, depth: number): Promise<void> {
    if (depth >= MAX_DEPTH) throw new EngineError('FORMAT_INVALID', { field: 'depth', value: String(depth) });
    await mkdir(to, 0o700);
    const names = new UniqueNames();
    for await (const batch of this.#tree.list(node, this.#context.signal)) {
      for (const entry of batch) {
        const name = names.take(safeName(entry.name));
        if (name !== entry.name) this.#renamed++;
        await this.entry(entry, join(to, name), depth + 1);
      }
    }
    await settle(node, to);
  }

  async #link(node: FileNode, to: string): Promise<void> {
    const target = await this.#tree.readLink(node);
    if (target === '' || target.includes('\0')) throw new EngineError('FORMAT_INVALID', { field: 'link' });
    await symlink(target, to);
    if (node.modifiedMs !== null) await lutimes(to, node.modifiedMs / 1000, node.modifiedMs / 1000).catch(() => {});
  }

  async #file(node: FileNode, to: string): Promise<void> {
    const copied = node.linkCount > 1 ? this.#copies.get(node.id) : undefined;
    if (copied !== undefined) return link(copied, to);
    const content = await this.#tree.open(node);
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const file = await open(to, O_WRONLY | O_CREAT | O_EXCL | (O_NOFOLLOW ?? 0), 0o600);
    try {
      const piece = Buffer.allocUnsafe(PIECE_BYTES);
      for await (const runs of content.dataRuns(this.#context.signal)) {
        for (const { startBytes, lengthBytes } of runs) {
          for (let done = 0; done < lengthBytes; done += PIECE_BYTES) {
            this.#context.signal.throwIfAborted();
            const bytes = piece.subarray(0, Math.min(PIECE_BYTES, lengthBytes - done));
            await content.readInto(startBytes + done, bytes);
            await file.write(bytes, 0, bytes.length, startBytes + done);
            this.writtenBytes += bytes.length;
            this.#context.advance(bytes.length);
          }
        }
      }
      await file.truncate(content.lengthBytes);
    } catch (error) {
      await file.close();
      if (isUnreadable(error)) await rm(to);
      throw error;
    }
    await file.close();
    await settle(node, to);
    if (node.linkCount > 1) this.#copies.set(node.id, to);
  }
}

const isSystemError = (error: unknown) => toEngineError(error).code !== 'ABORTED' && !(error instanceof EngineError);

/** Permissions without those that lend rights (set-uid and the like), then the time. */
async function settle({ mode, modifiedMs }: FileNode, path: string): Promise<void> {
  if (mode !== null) await chmod(path, (mode & 0o777) | 0o600 | (((await lstat(path)).isDirectory() && 0o100) || 0));
  if (modifiedMs !== null) await utimes(path, modifiedMs / 1000, modifiedMs / 1000).catch(() => {});
}
