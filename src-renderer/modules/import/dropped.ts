/** What a person drops onto the window: files, of which only the desktop's preload and some browsers tell where they lie. */

import { MAX_UPLOAD_DEPTH, MAX_UPLOAD_FILES } from '../../../src-engine/contract/index.ts';
import type { FileToSend } from '../../client/upload.ts';
import { uploadRefused } from '../../client/upload-refused.ts';

/** A file or folder that was dropped. `path` is null where the browser keeps it to itself. */
export interface DroppedFile {
  name: string;
  path: string | null;
  /** what is in it, where the browser gives that: one file, or those of a folder @throws CommandError `UPLOAD_REFUSED` */
  content?: () => Promise<FileToSend[]>;
}

/** The last part of a path of either kind of system. */
export const fileName = (path: string) => path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;

/** Paths in a list of addresses (`text/uri-list`, RFC 2483): those of files of this machine (RFC 8089), in order. */
export function pathsInUriList(list: string): string[] {
  const paths: string[] = [];
  for (const line of list.split(/\r?\n/)) {
    if (!line.startsWith('file:')) continue;
    const url = URL.parse(line.trim());
    if (!url || (url.host !== '' && url.host !== 'localhost')) continue;
    try {
      // /C:/images/disk.vhd is C:/images/disk.vhd where drives have letters
      paths.push(decodeURIComponent(url.pathname).replace(/^\/([A-Za-z]:)/, '$1'));
    } catch {
      // An address that is no text is no path either.
    }
  }
  return paths;
}

/** What of a DataTransfer is asked for. */
export interface Dropped {
  getData(format: string): string;
  readonly files: ArrayLike<File>;
  readonly items: ArrayLike<Pick<DataTransferItem, 'webkitGetAsEntry'>>;
}

/** What was dropped, as far as the page is told. Call it while the event is handled: afterwards nothing of it is given any more. */
export function droppedFiles(transfer: Dropped): DroppedFile[] {
  const paths = pathsInUriList(transfer.getData('text/uri-list'));
  if (paths.length) return paths.map((path) => ({ name: fileName(path), path }));
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry()).filter((one) => one !== null);
  if (entries.length) return entries.map((entry) => ({ name: entry.name, path: null, content: () => filesIn(entry) }));
  return Array.from(transfer.files, (file) => {
    const content = () => Promise.resolve([{ path: file.name, file }]);
    return { name: file.name, path: null, content };
  });
}

/** @returns all files of a folder, or the one file; one more than may be sent where there are more @throws CommandError `UPLOAD_REFUSED` */
async function filesIn(top: FileSystemEntry): Promise<FileToSend[]> {
  const files: FileToSend[] = [];
  const open: { entry: FileSystemEntry; path: string }[] = [{ entry: top, path: top.name }];
  for (let next = open.shift(); next && files.length <= MAX_UPLOAD_FILES; next = open.shift()) {
    const { entry, path } = next;
    if (path.split('/').length > MAX_UPLOAD_DEPTH) throw uploadRefused('deep', { name: path, most: MAX_UPLOAD_DEPTH });
    try {
      if (isFolder(entry))
        open.push(...(await entriesOf(entry)).map((one) => ({ entry: one, path: `${path}/${one.name}` })));
      else files.push({ path, file: await fileOf(entry as FileSystemFileEntry) });
    } catch {
      throw uploadRefused('unread', { name: path });
    }
  }
  return files;
}

const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;
const fileOf = (entry: FileSystemFileEntry) => new Promise<File>((resolve, reject) => entry.file(resolve, reject));

/** A browser gives some at a time, and none at the end. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  while (all.length <= MAX_UPLOAD_FILES) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) break;
    all.push(...some);
  }
  return all;
}

/** The paths in a message of the desktop's preload; null for any other message. */
export function toldPaths(data: unknown): string[] | null {
  if (typeof data !== 'object' || data === null || !('type' in data) || data.type !== 'diskpress:dropped') return null;
  if (!('paths' in data) || !Array.isArray(data.paths)) return null;
  return data.paths.filter((path): path is string => typeof path === 'string');
}
