/**
 * The files below a machine's disk: overlays name them by any path, and the hypervisor follows them. Outside of machines only files of the image's own
 * folder are opened: whoever made an image that is imported could name any.
 */
import { realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import type { FollowParent } from '../formats/disk-image.port.ts';
import { openFileSource } from '../formats/raw/file-source.ts';
import { isSystemFile } from '../machines/hypervisors/system-files.ts';
import type { Machine } from '../machines/machine.port.ts';
import { openSparseFile } from './sparse-file.ts';
import type { WatchedFiles } from './watched-files.ts';

const MAX_SHOWN = 200;
/** What leads to nothing, also by links in a circle. */
const MISSING = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'];

export interface BackingChain {
  readonly follow: FollowParent;
  /** paths of the files that were followed, links resolved */
  readonly files: readonly string[];
}

/**
 * @param watched gets each of them
 * @param parents where files lie that are named otherwise than by a path
 * @param first the overlay as its machine names it, and without links: names are relative to the former, as they are to QEMU
 */
export function backingChain(
  machine: Machine,
  watched: WatchedFiles,
  first: { readonly named: string; readonly path: string },
  parents: Readonly<Record<string, string>> = {},
): BackingChain {
  const named = new Map([[first.path, first.named]]);
  const files: string[] = [];
  return {
    files,
    async follow(name, of) {
      const listed = Object.hasOwn(parents, name) ? parents[name] : null;
      const asked = listed ?? resolve(dirname(named.get(of) ?? of), plainPath(name));
      await watched.add(asked).catch((error: unknown) => {
        throw toldOfMissing(error, asked, of);
      });
      const path = await realpath(asked).catch((error: unknown) => {
        throw toldOfMissing(error, asked, of);
      });
      if (isSystemFile(path)) throw unsupported('a backing file that is a file of this system', path);
      const file = await open(machine, path);
      named.set(path, asked);
      files.push(path);
      return { file, path };
    },
  };
}

async function open(machine: Machine, path: string): Promise<BlockSource> {
  const stats = await stat(path);
  if (stats.isFile()) return openSparseFile(path, undefined, true);
  if (!stats.isBlockDevice()) throw unsupported('a backing file that is neither a file nor a disk', path);
  return openFileSource(path, await machine.placeOf(path, true));
}

/**
 * In QEMU's words: a path, one behind `file:`, or JSON that comes to one.
 * @throws EngineError `FORMAT_UNSUPPORTED` for what is elsewhere: a network disk
 */
function plainPath(name: string): string {
  const path = name.startsWith('json:') ? ofJson(name.slice('json:'.length)) : name;
  const plain = path?.replace(/^file:/, '');
  if (plain === undefined || plain === '' || plain.includes('\0') || /^[^/]*:/.test(plain))
    throw unsupported('a backing file that is elsewhere', name);
  return plain;
}

function ofJson(text: string): string | undefined {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return undefined;
  }
  const field = (object: unknown, key: string) => (Object(object) as Record<string, unknown>)[key];
  const file = field(said, 'file') ?? said;
  const path = field(said, 'file.filename') ?? field(file, 'filename');
  return typeof path === 'string' && isAbsolute(path) ? path : undefined;
}

function toldOfMissing(thrown: unknown, path: string, of: string): unknown {
  const cause = (thrown as { cause?: { code?: string } }).cause?.code ?? (thrown as { code?: string }).code;
  const isMissing = MISSING.includes(cause ?? '') || cause === 'NOT_FOUND';
  return isMissing ? new EngineError('FILE_MISSING', { of, path }) : toEngineError(thrown, path);
}

function unsupported(feature: string, name: string): EngineError {
  const shown = name.replace(/[\0-\x1f]/g, '\ufffd').slice(0, MAX_SHOWN);
  return new EngineError('FORMAT_UNSUPPORTED', { feature: `${feature} (${shown})`, path: shown });
}
