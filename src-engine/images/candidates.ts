/** Which file of an archive is meant. Names count here only to make a short list: what a file is, its content says. */
import { basename } from 'node:path';
import { MAX_DISKS } from '../contract/template.contract.ts';
import { EngineError } from '../core/engine-error.ts';

export interface Candidate {
  readonly name: string;
  readonly lengthBytes: number | null;
}

const IMAGES = /\.(img|raw|dd|bin|image|disk|qcow2?|vmdk|vdi|vhdx?|ova|ovf|iso|wic|hdd)$/i;
const PACKED = /\.(gz|xz|bz2|zst|lz4|lzma|lz|lzo|7z|zip|tar|tgz|txz)$/i;
export const isPackedName = (name: string) => PACKED.test(name) || /\.ov[af]$/i.test(name);
/** Extents that a descriptor names. */
const VMDK_EXTENT = /-(flat|delta|[sf]\d{3})\.vmdk$/i;
/** What systems put into archives beside what was meant. */
const CLUTTER = /(^|\/)(\.|__MACOSX\/)/;
/** Nothing smaller is a disk, whatever it is called. */
const MIN_DISK_BYTES = 512 * 1024;

/** Names of images that are whole by themselves, as an ending tells them. */
export const wholeImages = (names: readonly string[]): string[] =>
  names.filter((name) => !CLUTTER.test(name) && IMAGES.test(name) && !VMDK_EXTENT.test(name));

/** What may be an image: by its ending, else by its size. A descriptor stands for the files that it names. */
export function candidatesOf<C extends Candidate>(files: readonly C[]): C[] {
  const plain = files.filter(({ name }) => !CLUTTER.test(name));
  const descriptors = plain.filter(({ name }) => /\.ovf$/i.test(name));
  if (descriptors.length > 0) return descriptors;
  const images = plain.filter(({ name }) => IMAGES.test(name));
  const whole = images.filter(({ name }) => !VMDK_EXTENT.test(name));
  if (images.length > 0) return whole.length > 0 ? whole : images;
  const packed = plain.filter(({ name }) => PACKED.test(name));
  if (packed.length > 0) return packed;
  return plain.length === 1
    ? plain
    : plain.filter(({ lengthBytes }) => (lengthBytes ?? MIN_DISK_BYTES) >= MIN_DISK_BYTES);
}

/** Which image was asked for. An image inside another is named `OUTER/INNER`, or `INNER` alone where there is one outer. */
export class Choice {
  #entry: string | null;
  readonly #path: string;
  readonly #disk: number | null;
  #isDiskTaken = false;

  /** @param disk which of the disks of a machine is asked for, from 1; null: all of them */
  constructor(path: string, entry: string | null, disk: number | null) {
    this.#path = path;
    this.#entry = entry;
    this.#disk = disk;
  }

  /** Whether nobody asked for one of several. */
  get isOpen(): boolean {
    return this.#entry === null && this.#disk === null;
  }

  /**
   * Of the disks of one machine.
   * @param disks all that can be named @param own those that are the machine's, in their order
   * @returns all of its own where nobody asked for one; null where they are more than a version can have, and a person has to say which
   * @throws EngineError as {@link of}; `NO_SUCH_DISK`
   */
  disksOf<C extends Candidate>(disks: readonly C[], own: readonly C[] = disks): readonly C[] | null {
    if (this.#disk !== null) {
      this.#isDiskTaken = true;
      const disk = own[this.#disk - 1];
      if (!disk) throw this.#noSuchDisk(own);
      return [disk];
    }
    if (this.#entry === null && own.length > 1) return own.length <= MAX_DISKS ? own : null;
    const one = this.of(disks, own);
    return one && [one];
  }

  /** Where it turned out to be one disk and no machine. @throws EngineError `NO_SUCH_DISK` for any but the first */
  refuseOtherDisk(): void {
    if (!this.#isDiskTaken && this.#disk !== null && this.#disk > 1)
      throw this.#noSuchDisk([{ name: basename(this.#path), lengthBytes: null }]);
  }

  #noSuchDisk(own: readonly Candidate[]): EngineError {
    const names = own.slice(0, 100).map(({ name }) => name);
    const data = { name: basename(this.#path), path: this.#path, number: this.#disk, count: own.length, names };
    return new EngineError('NO_SUCH_DISK', data);
  }

  /**
   * @returns the one file that is meant; null where a person has to say which
   * @throws EngineError `FORMAT_INVALID` where there is none; `IMAGE_CHOICE_REQUIRED` where what was asked for is not there
   */
  of<C extends Candidate>(files: readonly C[], candidates: readonly C[]): C | null {
    const entry = this.#entry;
    if (entry !== null) {
      const named = files.find(({ name }) => name === entry);
      const outer = named ?? files.find(({ name }) => entry.startsWith(`${name}/`));
      if (outer) this.#entry = named ? null : entry.slice(outer.name.length + 1);
      if (outer) return outer;
    }
    if (candidates.length === 0)
      throw new EngineError('FORMAT_INVALID', { path: this.#path, field: 'image', value: 'none' });
    if (candidates.length === 1) return candidates[0];
    if (entry !== null) throw choiceRequired(this.#path, candidates);
    return null;
  }
}

export function choiceRequired(path: string, candidates: readonly Candidate[]): EngineError {
  return new EngineError('IMAGE_CHOICE_REQUIRED', { path, names: candidates.slice(0, 100).map(({ name }) => name) });
}
