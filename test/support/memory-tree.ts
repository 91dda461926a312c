/** A file system in memory, for what reads guests: files, links, and things that stand where a file should. */
import type { FileKind } from '../../src-engine/contract/files.contract.ts';
import type { FileNode, FileTree, FolderEntry } from '../../src-engine/filesystems/file-tree.port.ts';

export interface MemoryFile {
  readonly content?: string | Buffer;
  /** as what it is told; a file where it has content */
  readonly kind?: FileKind;
  readonly mode?: number;
  readonly owner?: readonly [number, number];
  /** told instead of the length of the content */
  readonly lengthBytes?: number;
}

/** By path: text in UTF-8, bytes, or more; text that begins with '-> ' is a symbolic link. Folders are made. */
export type MemoryFiles = Record<string, string | Buffer | MemoryFile>;

interface Entry extends FileNode {
  readonly content: Buffer;
  readonly target: string;
  readonly entries: Map<string, Entry>;
}

export function memoryTree(files: MemoryFiles): FileTree {
  let count = 0;
  const made = (kind: FileKind, file: MemoryFile = {}, target = ''): Entry => {
    const content = Buffer.isBuffer(file.content) ? file.content : Buffer.from(file.content ?? '', 'utf8');
    return {
      id: String(count++),
      kind: file.kind ?? kind,
      lengthBytes: file.lengthBytes ?? content.length,
      modifiedMs: 0,
      mode: file.mode ?? (kind === 'folder' ? 0o755 : 0o644),
      ownerId: file.owner?.[0] ?? 0,
      groupId: file.owner?.[1] ?? 0,
      linkCount: 1,
      content,
      target,
      entries: new Map(),
    };
  };
  const root = made('folder');
  for (const [path, value] of Object.entries(files)) {
    const names = path.split('/').filter(Boolean);
    const last = names.pop()!;
    let folder = root;
    for (const name of names) {
      if (!folder.entries.has(name)) folder.entries.set(name, made('folder'));
      folder = folder.entries.get(name)!;
    }
    const isLink = typeof value === 'string' && value.startsWith('-> ');
    const file = typeof value === 'string' || Buffer.isBuffer(value) ? { content: value } : value;
    folder.entries.set(last, isLink ? made('link', {}, value.slice(3)) : made('file', file));
  }
  return {
    root,
    async *list(folder) {
      yield [...(folder as Entry).entries].map(([name, node]): FolderEntry => ({ name, node }));
    },
    find: (folder, name) => Promise.resolve((folder as Entry).entries.get(name) ?? null),
    readLink: (link) => Promise.resolve((link as Entry).target),
    open: (node) => {
      const { content, lengthBytes } = node as Entry;
      return Promise.resolve({
        lengthBytes,
        readInto: (offsetBytes: number, into: Uint8Array) => {
          into.fill(0);
          into.set(content.subarray(offsetBytes, offsetBytes + into.length));
          return Promise.resolve();
        },
        async *dataRuns() {
          yield [];
        },
      });
    },
    async *extents() {
      yield [];
    },
  };
}
