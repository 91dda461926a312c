/** Steps as plans and jobs tell them: text before and after, and nothing that not everybody in the guest may read. */
import type { GuestChangeView } from '../contract/deploy.contract.ts';
import type { FileNode, FileTree } from '../filesystems/file-tree.port.ts';
import type { GuestChange } from '../guest/changes.port.ts';
import { damageReason } from './refusals.ts';
import type { PutFile, VolumeChanges, VolumeStep } from './steps.port.ts';

const MAX_SHOWN_BYTES = 16 * 1024;
const READABLE_BY_ALL = 0o004;

/** One for each step, and null for folders that are made on the way only. */
export function changeViews({ ref, tree, steps }: VolumeChanges): Promise<(GuestChangeView | null)[]> {
  return Promise.all(steps.map((step) => viewOf(ref, tree, step)));
}

async function viewOf(volume: string, tree: FileTree, step: VolumeStep): Promise<GuestChangeView | null> {
  const { change } = step;
  const head = { reason: change.reason, kind: change.kind, volume, path: change.path };
  const nothing = { before: null, after: null };
  switch (step.do) {
    case 'make-folder':
      return step.path === change.path ? { ...head, ...nothing } : null;
    case 'put-link': {
      const before = step.was?.kind === 'link' && step.was.node ? await linkOf(tree, step.was.node) : null;
      return { ...head, before, after: step.change.target };
    }
    case 'put-file':
      if (!isShown(step, change)) return { ...head, ...nothing };
      return { ...head, before: await textBefore(tree, step), after: step.kept ? null : textOf(step.bytes) };
    default:
      // what is removed is not shown: it may be anybody's
      return { ...head, ...nothing };
  }
}

function isShown({ mode, was }: PutFile, change: GuestChange): boolean {
  if (change.kind !== 'write' || change.isSecret) return false;
  const before = was?.kind === 'file' ? (was.node?.mode ?? READABLE_BY_ALL) : READABLE_BY_ALL;
  return (mode & before & READABLE_BY_ALL) !== 0;
}

async function textBefore(tree: FileTree, { was }: PutFile): Promise<string | null> {
  if (!was?.node) return null;
  if (was.kind === 'link') return linkOf(tree, was.node);
  if (was.node.lengthBytes > MAX_SHOWN_BYTES) return null;
  const bytes = Buffer.alloc(was.node.lengthBytes);
  return tree
    .open(was.node)
    .then((content) => content.readInto(0, bytes))
    .then(() => textOf(bytes), ignoreDamage);
}

const linkOf = (tree: FileTree, node: FileNode) => tree.readLink(node).then((target) => `-> ${target}`, ignoreDamage);

function ignoreDamage(error: unknown): null {
  if (damageReason(error)) return null;
  throw error;
}

/** @returns null for what is no text, or long */
function textOf(bytes: Uint8Array): string | null {
  if (bytes.length > MAX_SHOWN_BYTES) return null;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return /[\0-\x08\x0e-\x1f]/.test(text) ? null : text;
  } catch {
    return null;
  }
}
