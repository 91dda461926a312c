/** A folder of a template: sorted, in pages. */
import type { CheckedParams, CommandResult } from '../contract/commands.ts';
import type { FileEntryView } from '../contract/files.contract.ts';
import type { FileTree, FolderEntry } from '../filesystems/file-tree.port.ts';
import { isEscaped } from '../filesystems/names.ts';
import { findPath, type FoundFile } from './find-path.ts';
import { nameKey } from './name-key.ts';

/** So many entries are sorted in memory; a folder that holds more is cut off, and says so. */
const MAX_ENTRIES = 250_000;

type Sort = CheckedParams<'files.list'>['sort'];

interface Listing {
  readonly key: string;
  readonly entries: readonly FolderEntry[];
  readonly isCut: boolean;
  readonly escapedNames: number;
}

/** The folder that was listed last, for each tree: the next page needs no reading. */
const last = new WeakMap<FileTree, Listing>();

/** @throws EngineError `NOT_FOUND`, `BAD_REQUEST`, `FORMAT_INVALID`, `READ_FAILED` */
export async function listFiles(
  tree: FileTree,
  request: CheckedParams<'files.list'>,
  signal: AbortSignal,
): Promise<CommandResult<'files.list'>> {
  const found = await findPath(tree, request.path, true);
  const { sort, isDescending, offset, limit } = request;
  const listing =
    found.node.kind === 'folder'
      ? await sorted(tree, found, sort, isDescending, signal)
      : {
          entries: [{ name: found.name, node: found.node }],
          isCut: false,
          escapedNames: Number(isEscaped(found.name)),
        };
  const page = listing.entries.slice(offset, offset + limit);
  return {
    self: await entryView(tree, found),
    entries: await Promise.all(page.map((entry) => entryView(tree, entry))),
    total: listing.entries.length,
    isCut: listing.isCut,
    escapedNames: listing.escapedNames,
  };
}

async function sorted(
  tree: FileTree,
  folder: FoundFile,
  sort: Sort,
  isDescending: boolean,
  signal: AbortSignal,
): Promise<Listing> {
  const key = `${folder.node.id} ${sort} ${isDescending}`;
  const known = last.get(tree);
  if (known?.key === key) return known;
  const entries: FolderEntry[] = [];
  let isCut = false;
  for await (const batch of tree.list(folder.node, signal)) {
    signal.throwIfAborted();
    entries.push(...batch);
    if (entries.length > MAX_ENTRIES) {
      isCut = true;
      entries.length = MAX_ENTRIES;
      break;
    }
  }
  const escapedNames = entries.filter(({ name }) => isEscaped(name)).length;
  const listing = { key, entries: inOrder(entries, sort, isDescending), isCut, escapedNames };
  last.set(tree, listing);
  return listing;
}

/** Folders first, whatever the order; what is equal goes by name. */
function inOrder(entries: readonly FolderEntry[], sort: Sort, isDescending: boolean): FolderEntry[] {
  const sign = isDescending ? -1 : 1;
  const number = ({ node }: FolderEntry) =>
    sort === 'size' ? node.lengthBytes : sort === 'modified' ? (node.modifiedMs ?? 0) : 0;
  return entries
    .map((entry) => ({
      entry,
      rank: entry.node.kind === 'folder' ? 0 : 1,
      number: number(entry),
      name: nameKey(entry.name),
    }))
    .sort((a, b) => a.rank - b.rank || sign * (a.number - b.number || (a.name < b.name ? -1 : 1)))
    .map(({ entry }) => entry);
}

async function entryView(tree: FileTree, { name, node }: FolderEntry): Promise<FileEntryView> {
  const { kind, lengthBytes, mode, ownerId, groupId, linkCount } = node;
  return {
    name,
    kind,
    lengthBytes,
    modifiedAt: dateOf(node.modifiedMs),
    mode,
    ownerId,
    groupId,
    linkCount,
    linkTarget: kind === 'link' ? await tree.readLink(node).catch(() => null) : null,
  };
}

/** What no calendar knows is no date: years are written with four digits. */
function dateOf(ms: number | null): string | null {
  if (ms === null || !(Math.abs(ms) < 8.64e15)) return null;
  const text = new Date(ms).toISOString();
  return text.length === 24 ? text : null;
}
