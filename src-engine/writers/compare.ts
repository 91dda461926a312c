/** Reads back what steps were to make of a volume, by our own readers, and says where it is something else. */
import { EngineError } from '../core/engine-error.ts';
import type { FileNode, FileTree } from '../filesystems/file-tree.port.ts';
import { sha256Of } from '../core/random-bytes.ts';
import { damageReason } from './refusals.ts';
import type { ClearFolder, Names, Ownership, PutFile, VolumeChanges, VolumeStep } from './steps.port.ts';

/** What keeps no permissions and no owners as these systems have them. */
const WITHOUT_OWNERS = /^(?:fat|exfat|ntfs)/;
const PIECE_BYTES = 1024 * 1024;

/**
 * @param tree of the volume, opened anew after the steps
 * @throws EngineError `GUEST_DIFFERS` (path, reason) for the first that is not what it must be
 */
export async function compareVolume(
  { kind, steps }: VolumeChanges,
  tree: FileTree,
  signal: AbortSignal,
): Promise<void> {
  // of several steps with one name the last one counts
  const last = new Map(steps.map((step) => [step.names.join('/'), step]));
  for (const step of steps) {
    signal.throwIfAborted();
    const isLast = last.get(step.names.join('/')) === step;
    if (!isLast && step.do !== 'clear-folder') continue;
    const reason = await differenceOf(step, isLast, tree, kind, steps, signal).catch((error) => {
      if (damageReason(error)) return 'unreadable';
      throw error;
    });
    if (reason) throw new EngineError('GUEST_DIFFERS', { path: step.change.path, reason });
  }
}

async function differenceOf(
  step: VolumeStep,
  isLast: boolean,
  tree: FileTree,
  kind: string,
  steps: readonly VolumeStep[],
  signal: AbortSignal,
): Promise<string | null> {
  const node = await nodeAt(tree, step.names);
  switch (step.do) {
    case 'make-folder':
      return node?.kind === 'folder' ? ownershipDifference(step, node, kind) : 'missing';
    case 'remove-file':
      return node ? 'still-there' : null;
    case 'put-link':
      if (node?.kind !== 'link') return 'missing';
      return (await tree.readLink(node)) === step.change.target ? null : 'content';
    case 'put-file':
      return fileDifference(step, node, tree, kind);
    case 'clear-folder':
      if (isLast && !step.keepsItself) return node ? 'still-there' : null;
      return node ? notCleared(step, node, tree, steps, signal) : 'missing';
  }
}

async function fileDifference(
  step: PutFile,
  node: FileNode | null,
  tree: FileTree,
  kind: string,
): Promise<string | null> {
  const { bytes, kept } = step;
  const keptBytes = kept?.lengthBytes ?? 0;
  if (node?.kind !== 'file') return 'missing';
  if (node.lengthBytes !== keptBytes + bytes.length) return 'length';
  const content = await tree.open(node);
  if (kept && (await sha256Of(content, keptBytes)) !== kept.sha256) return 'content';
  const piece = Buffer.alloc(Math.min(PIECE_BYTES, bytes.length));
  for (let at = 0; at < bytes.length; at += piece.length) {
    const into = piece.subarray(0, Math.min(piece.length, bytes.length - at));
    await content.readInto(keptBytes + at, into);
    if (into.compare(bytes, at, at + into.length) !== 0) return 'content';
  }
  return ownershipDifference(step, node, kind);
}

function ownershipDifference({ mode, userId, groupId }: Ownership, node: FileNode, kind: string): string | null {
  if (WITHOUT_OWNERS.test(kind)) return null;
  if (node.mode !== mode) return 'permissions';
  return node.ownerId === userId && node.groupId === groupId ? null : 'owner';
}

/** What is in a folder must have been kept, or put there. */
async function notCleared(
  { names, kept }: ClearFolder,
  folder: FileNode,
  tree: FileTree,
  steps: readonly VolumeStep[],
  signal: AbortSignal,
): Promise<string | null> {
  const isBelow = (path: Names) => path.length > names.length && names.every((name, i) => path[i] === name);
  const stays = new Set(
    [...kept, ...steps.map((step) => step.names)].filter(isBelow).map((path) => path[names.length]),
  );
  for await (const batch of tree.list(folder, signal)) {
    if (batch.some(({ name }) => !stays.has(name))) return 'still-there';
  }
  return null;
}

async function nodeAt(tree: FileTree, names: Names): Promise<FileNode | null> {
  let node: FileNode | null = tree.root;
  for (const name of names) node = node?.kind === 'folder' ? await tree.find(node, name) : null;
  return node;
}
