/** The built pages, as both faces with a window serve them: a list made once, so that no address can lead out of the folder. */
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';

/** What the build of src-renderer makes. Anything else is served as bytes that no browser runs. */
const CONTENT_TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
};

export interface PageFile {
  readonly contentType: string;
  readonly bytes: Buffer<ArrayBuffer>;
}

export interface PageFiles {
  /**
   * @param urlPath the path of an address as it was asked for, still percent-encoded; `/` is the first page
   * @returns null where there is no such file
   */
  read(urlPath: string): Promise<PageFile | null>;
}

/**
 * Lists the regular files below a folder; links are left out.
 * @param folder out/renderer
 * @throws Error where there is no index.html: the pages were not built
 */
export async function openPageFiles(folder: string): Promise<PageFiles> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const pathOf = new Map<string, string>();
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    pathOf.set(`/${relative(folder, path).split(sep).map(encodeURIComponent).join('/')}`, path);
  }
  const first = pathOf.get('/index.html');
  if (!first) throw new Error(`The pages are missing in ${folder}. Build them: npm run build`);
  pathOf.set('/', first);

  /** once in memory each, however many ask and read slowly */
  const loaded = new Map<string, Promise<PageFile>>();
  const load = async (path: string): Promise<PageFile> => ({
    contentType: CONTENT_TYPES[extname(path)] ?? 'application/octet-stream',
    bytes: await readFile(path),
  });
  return {
    async read(urlPath) {
      const path = pathOf.get(urlPath);
      if (!path) return null;
      const file = loaded.get(path) ?? load(path);
      loaded.set(path, file);
      file.catch(() => loaded.delete(path));
      return file;
    },
  };
}
