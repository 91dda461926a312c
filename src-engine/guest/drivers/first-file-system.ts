/** Which modules a first file system holds. It is read in a stream, and no content is kept. */
import { CpioWalk, type CpioEntry, type CpioVisitor } from '../../archive/cpio.ts';
import { StreamReader } from '../../archive/stream-reader.ts';
import { EngineError } from '../../core/engine-error.ts';
import { piecesOf, type RandomBytes } from '../../core/random-bytes.ts';

/** Those that are loaded by many are some ten megabytes; the largest with all firmware some hundred. */
const MAX_PACKED_BYTES = 1024 * 1024 * 1024;
const MAX_MODULES = 20_000;
const MODULE = /(?:^|\/)([^/]{1,100})\.ko(?:\.(?:gz|xz|zst|bz2|lz4))?$/;
const OF_KERNEL = /(?:^|\/)lib\/modules\/([^/]{1,200})\//;
/** dracut packs nearly all of it once more where it is told to: dracut.cmdline(7), squash. */
const PACKED_INSIDE = /(?:^|\/)(?:squashfs?-root|erofs-root)\.img$/;

export interface FirstFileSystem {
  /** names of modules, with underscores */
  readonly modules: ReadonlySet<string>;
  /** of what could be read: where it is false, more may be there */
  readonly isWhole: boolean;
}

/** As lsmod names it: dashes and underscores are the same to the kernel. */
export const moduleName = (name: string): string => name.replaceAll('-', '_');

/** @returns the name of the module that a path is the file of */
export function moduleOf(path: string): string | null {
  const name = MODULE.exec(path)?.[1];
  return name === undefined ? null : moduleName(name);
}

/**
 * @param version of the kernel: modules of others cannot be loaded; null: all count
 * @returns null where it is no archive, packed or not
 * @throws EngineError `READ_FAILED`, `ABORTED`
 */
export async function readFirstFileSystem(
  content: RandomBytes,
  version: string | null,
  signal: AbortSignal,
): Promise<FirstFileSystem | null> {
  if (content.lengthBytes > MAX_PACKED_BYTES) return { modules: new Set(), isWhole: false };
  const modules = new Modules(version);
  const walk = new CpioWalk(modules, false, signal);
  try {
    const isArchive = await walk.run(new StreamReader(piecesOf(content), 'initramfs'));
    return isArchive ? { modules: modules.found, isWhole: !modules.hasMore } : null;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EngineError) || !/^FORMAT_/.test(error.code)) throw error;
    // behind a whole archive that has modules stands padding, or an archive of others: the kernel has what it needs by then
    return { modules: modules.found, isWhole: modules.isPastArchive && modules.found.size > 0 && !modules.hasMore };
  }
}

class Modules implements CpioVisitor {
  readonly found = new Set<string>();
  isPastArchive = false;
  hasMore = false;
  readonly #version: string | null;

  constructor(version: string | null) {
    this.#version = version;
  }

  began(): void {
    this.isPastArchive = false;
  }

  ended(): void {
    this.isPastArchive = true;
  }

  wants(): boolean {
    return false;
  }

  entry({ name }: CpioEntry): void {
    const path = name.toString('latin1', 0, name.length - 1);
    if (PACKED_INSIDE.test(path)) this.hasMore = true;
    const module = moduleOf(path);
    const own = OF_KERNEL.exec(path)?.[1];
    if (module === null || (own !== undefined && this.#version !== null && own !== this.#version)) return;
    if (this.found.size < MAX_MODULES) this.found.add(module);
    else this.hasMore = true;
  }
}
