/** What a person drops onto the window: files, of which only the desktop's preload and some browsers tell where they lie. */

/** A file that was dropped. `path` is null where the browser keeps it to itself. */
export interface DroppedFile {
  name: string;
  path: string | null;
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
  readonly files: ArrayLike<{ readonly name: string }>;
}

/** What was dropped, as far as the page is told. */
export function droppedFiles(transfer: Dropped): DroppedFile[] {
  const paths = pathsInUriList(transfer.getData('text/uri-list'));
  if (paths.length) return paths.map((path) => ({ name: fileName(path), path }));
  return Array.from(transfer.files, ({ name }) => ({ name, path: null }));
}

/** The paths in a message of the desktop's preload; null for any other message. */
export function toldPaths(data: unknown): string[] | null {
  if (typeof data !== 'object' || data === null || !('type' in data) || data.type !== 'diskpress:dropped') return null;
  if (!('paths' in data) || !Array.isArray(data.paths)) return null;
  return data.paths.filter((path): path is string => typeof path === 'string');
}
