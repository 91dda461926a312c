/** From a path to a disk: through archives and packed streams, by content, to the format that holds it. */
import { randomUUID } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { archiveTypeOf, isStream, type ArchiveType } from '../archive/archive-type.ts';
import { listArchive, type ArchiveEntry } from '../archive/list-archive.ts';
import type { ArchiveFile } from '../archive/seven-zip.ts';
import { writeSparseFile } from '../archive/sparse-file.ts';
import { openMember, readTar, type TarMember } from '../archive/tar.ts';
import { unpackEntry } from '../archive/unpack.ts';
import { streamTypeIn, type StreamType } from '../archive/stream-type.ts';
import { unpackStream } from '../archive/unpack-stream.ts';
import type { DiskFormat } from '../contract/disk.contract.ts';
import { NOTHING_RECORDED } from '../contract/template.contract.ts';
import type { Warning } from '../contract/warnings.ts';
import { EngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import { numberOf, ofDisk, toldOf } from '../core/of-disk.ts';
import type { OpenSibling } from '../formats/disk-image.port.ts';
import { foreignByMembers, foreignError, refuseForeign } from '../formats/refused/marks.ts';
import { filesOfFolder } from '../formats/raw/folder-files.ts';
import { resolvedSource } from '../machines/image-file.ts';
import { candidatesOf, Choice, isPackedName, wholeImages } from './candidates.ts';
import type { ClonedDisk } from '../formats/clonezilla/folder.ts';
import { lookAtCloneFolder, lookIntoPieces, openClonedDisk, type PiecesSeen } from './clone-folder.ts';
import { cloneSumsIn, verifyCloneSums, type CloneSumsIn } from './clone-sums.ts';
import { leftOut, piecesOf, type Scratch } from './image-files.ts';
import type { FileAtHand } from './image-place.ts';
import { isDescriptorName, openMachine } from './open-machine.ts';
import { openPlainFile } from './open-plain-file.ts';
import type { Found, OpenedImage } from './opened-image.ts';
import { findPackage } from './package-source.ts';
import { openSparseFile } from './sparse-file.ts';
import { WatchedFiles } from './watched-files.ts';

/** An image packed, and that in an archive: further down nobody looks. */
const MAX_LAYERS = 2;

export interface ImageRequest {
  readonly path: string;
  readonly entry: string | null;
  /** which of the disks of a machine, from 1; null or left out: all of them */
  readonly disk?: number | null;
  /** what the image is, where that is not left to its content */
  readonly format: DiskFormat | null;
  readonly password: string | null;
}

/** What was found, less what the search itself knows. */
type Ending = Partial<Omit<Found, 'archive' | 'image' | 'refuseChanged' | 'close'>>;

/**
 * @param scratch where packed images are unpacked to; null: nothing is unpacked, and what would have to be has no image
 * @returns what is there; everything opened for it is closed with it
 * @throws EngineError `SOURCE_NOT_FOUND`, `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `FILE_TRUNCATED`, `ARCHIVE_UNSAFE`, `ARCHIVE_PASSWORD` where
 *   the password is wrong, `IMAGE_CHOICE_REQUIRED` where the entry is not there, `NO_SUCH_DISK`, `DISK_FULL`
 */
export async function findImage(request: ImageRequest, scratch: Scratch | null, signal: AbortSignal): Promise<Found> {
  const search = new Search(request, scratch, signal);
  try {
    return await search.begin();
  } catch (error) {
    await search.close();
    throw error;
  }
}

class Search {
  readonly #request: ImageRequest;
  readonly #scratch: Scratch | null;
  readonly #signal: AbortSignal;
  readonly #choice: Choice;
  readonly #opened: { close(): Promise<void> }[] = [];
  readonly #files = new WatchedFiles();
  /** of what is around the image */
  readonly #warnings: Warning[] = [];
  #archive: Found['archive'] = null;
  #layers = 0;

  constructor(request: ImageRequest, scratch: Scratch | null, signal: AbortSignal) {
    this.#request = request;
    this.#scratch = scratch;
    this.#signal = signal;
    this.#choice = new Choice(request.path, request.entry, request.disk ?? null);
  }

  async close(): Promise<void> {
    for (const source of this.#opened.splice(0).reverse()) await source.close().catch(() => {});
  }

  async begin(): Promise<Found> {
    const path = await resolvedSource(this.#request.path);
    const stats = await stat(path);
    if (stats.isDirectory()) return this.#found(await this.#inFolder(path));
    if (!stats.isFile()) throw new EngineError('BAD_REQUEST', { path, reason: 'not a file' });
    await this.#files.add(path);
    const source = this.#keep(await openSparseFile(path));
    const openSibling = this.#files.siblings(dirname(path), filesOfFolder(dirname(path)));
    return this.#found(await this.#in({ name: basename(path), source, path, openSibling }));
  }

  #keep<S extends { close(): Promise<void> }>(source: S): S {
    this.#opened.push(source);
    return source;
  }

  #found(ending: Ending): Found {
    if (ending.images?.length) this.#choice.refuseOtherDisk();
    const nothing = {
      format: null,
      needsPassword: false,
      entries: [],
      scratchBytes: 0,
      notSaved: [],
      disks: [],
      warnings: [],
      package: null,
      name: basename(this.#request.path),
      fileName: basename(this.#request.path),
    };
    const [opened, ...others] = ending.images ?? [];
    const image = opened ? { ...opened, warnings: [...this.#warnings, ...opened.warnings] } : null;
    return {
      ...nothing,
      ...ending,
      images: image ? [image, ...others] : [],
      image,
      archive: this.#archive,
      refuseChanged: () => this.#files.refuseChanged(),
      close: () => this.close(),
    };
  }

  async #inFolder(folder: string): Promise<Ending> {
    const names = await readdir(folder);
    const foreign = foreignByMembers(names);
    if (foreign) throw foreignError(foreign, folder);
    // what is added to it, or taken away, counts too; a link that leads nowhere is nothing that could change
    for (const name of [...names, '']) await this.#files.add(join(folder, name)).catch(() => {});
    const disks = await lookAtCloneFolder(folder);
    return disks ? this.#inCloneFolder(folder, disks) : this.#besideDescriptor(folder);
  }

  async #inCloneFolder(folder: string, disks: readonly ClonedDisk[]): Promise<Ending> {
    const named = disks.map((disk) => ({ name: disk.device, lengthBytes: disk.lengthBytes, disk }));
    const chosen = this.#choice.disksOf(named);
    const what = { format: 'clonezilla', name: basename(folder) } as const;
    if (!chosen) return { ...what, entries: named.map(({ name, lengthBytes }) => ({ name, lengthBytes })) };
    const about = {
      ...what,
      notSaved: chosen.flatMap(({ disk }) => disk.notSaved),
      disks:
        chosen.length > 1
          ? chosen.map(({ name, lengthBytes }) => ({ name, lengthBytes, bus: null, address: null }))
          : [],
    };
    const sums = await Promise.all(chosen.map(({ disk }) => cloneSumsIn(folder, disk)));
    const toldOfEach = (told: readonly (readonly Warning[])[]) =>
      told.flatMap((own, i) => own.map((warning) => toldOf(numberOf(i, chosen.length), warning)));
    const notChecked = toldOfEach(sums.map((one) => one.notChecked));
    if (!this.#scratch) {
      const seen: PiecesSeen[] = [];
      for (const { disk } of chosen) seen.push(await lookIntoPieces(folder, disk, this.#signal));
      const scratchBytes = seen.reduce((sum, { unpackedBytes }) => sum + unpackedBytes, 0);
      return { ...about, scratchBytes, warnings: [...notChecked, ...toldOfEach(seen.map((one) => one.warnings))] };
    }
    const images: OpenedImage[] = [];
    for (const [i, { disk }] of chosen.entries()) {
      images.push(
        await ofDisk(numberOf(i, chosen.length), () => this.#clonedDisk(folder, disk, sums[i], this.#scratch!)),
      );
    }
    return { ...about, warnings: notChecked, images };
  }

  async #clonedDisk(folder: string, disk: ClonedDisk, sums: CloneSumsIn, scratch: Scratch): Promise<OpenedImage> {
    const names = disk.notSaved.join(', ');
    const warnings: Warning[] = names === '' ? [] : [{ code: 'PARTITIONS_NOT_SAVED', data: { names } }];
    const source = this.#keep(await openClonedDisk(folder, disk, scratch, warnings));
    const verify = (context: JobContext) => verifyCloneSums(sums, context);
    return { ...plainImage({ source, warnings }), verify };
  }

  /** A machine whose files lie in a folder: its descriptor is meant. Else one of the images that are in it. */
  async #besideDescriptor(folder: string): Promise<Ending> {
    const entries = await readdir(folder, { withFileTypes: true });
    // links may lead anywhere
    const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    const descriptors = files.filter(isDescriptorName);
    const names = descriptors.length > 0 ? descriptors : wholeImages(files);
    if (names.length === 0)
      throw new EngineError('FORMAT_INVALID', { path: folder, field: 'folder', value: 'Clonezilla' });
    const candidates = await Promise.all(
      names.sort().map(async (name) => ({ name, lengthBytes: (await stat(join(folder, name))).size })),
    );
    const chosen = this.#choice.of(candidates, candidates);
    if (!chosen) return { entries: candidates };
    const path = join(folder, chosen.name);
    await this.#files.add(path);
    const source = this.#keep(await openSparseFile(path));
    const openSibling = this.#files.siblings(folder, filesOfFolder(folder));
    return this.#in({ name: chosen.name, source, path, openSibling });
  }

  async #in(file: FileAtHand): Promise<Ending> {
    this.#signal.throwIfAborted();
    const { path, format } = this.#request;
    if (file.source.lengthBytes === 0) throw new EngineError('FORMAT_INVALID', { path, field: 'length', value: '0' });
    // of a disk, whoever used it may have written the beginning: what is said to be one is not unpacked, unless its name says so
    if (format !== null && !isPackedName(file.name)) return this.#plain(file);
    // some begin like a packed stream, and end with what they are
    await refuseForeign(file.source, file.name);
    const type = await archiveTypeOf(file.source);
    if (type === 'tar') {
      const members = await readTar(file.source, path, this.#signal);
      if (members) return this.#inTar(file, members);
    }
    if (type === '7z' || type === 'zip') return this.#inArchive(file, type);
    const stream = await streamTypeIn(file.source);
    if (stream !== null) return this.#inStream(file, stream, type);
    const machine = await openMachine(file, this.#choice, this.#openedBy);
    if (machine) return machine;
    return this.#plain(file);
  }

  /** What opens the disk of a machine. */
  readonly #openedBy = {
    keep: <S extends { close(): Promise<void> }>(source: S) => this.#keep(source),
    open: async (file: FileAtHand, isPacked: boolean) => {
      // disks lie beside each other, not in each other
      const layers = this.#layers;
      try {
        return await (isPacked ? this.#in(file) : this.#plain(file));
      } finally {
        this.#layers = layers;
      }
    },
  };

  async #plain(file: FileAtHand): Promise<Ending> {
    const { format, image } = await openPlainFile(file, this.#request.format, this.#signal);
    return { format, images: [{ ...image, source: this.#keep(image.source) }], name: file.name, fileName: file.name };
  }

  async #inTar(file: FileAtHand, members: readonly TarMember[]): Promise<Ending> {
    this.#refuseForeignMembers(members);
    const descriptors = members.filter(({ name }) => isDescriptorName(name));
    // an OVA is a format, not an archive around one
    if (descriptors.length !== 1) this.#enter('tar');
    const open = (member: TarMember) => openMember(file.source, member);
    const chosen = descriptors.length === 1 ? descriptors[0] : this.#choice.of(members, candidatesOf(members));
    if (!chosen) return { entries: candidatesOf(members).map(({ name, lengthBytes }) => ({ name, lengthBytes })) };
    const openSibling: OpenSibling = async (name) => {
      const member = members.find((other) => other.name === beside(chosen.name, name));
      if (!member) throw new EngineError('NOT_FOUND', { path: name });
      return open(member);
    };
    return this.#in({ name: basename(chosen.name), source: open(chosen), path: null, openSibling });
  }

  /** Archives that are another program's image as a whole. */
  #refuseForeignMembers(members: readonly { name: string }[]): void {
    const foreign = foreignByMembers(members.map(({ name }) => name));
    if (foreign) throw foreignError(foreign, this.#request.path);
  }

  async #inArchive(file: FileAtHand, type: ArchiveType): Promise<Ending> {
    this.#enter(type as '7z' | 'zip');
    const packed = { scratchBytes: file.source.lengthBytes, name: file.name };
    const path = file.path ?? (this.#scratch && (await this.#copyOut(file)));
    if (path === null) return packed;
    const archive: ArchiveFile = { path, type, password: this.#request.password };
    let entries: ArchiveEntry[];
    try {
      entries = await listArchive(archive, this.#signal);
    } catch (error) {
      if (!isPasswordMissing(error) || this.#scratch) throw error;
      return { ...packed, needsPassword: true };
    }
    this.#refuseForeignMembers(entries);
    const found = await findPackage(archive, entries, this.#signal);
    if (found) return { format: 'package', package: found, name: found.about.template.name };
    const candidates = candidatesOf(entries);
    const chosen = this.#choice.of(entries, candidates);
    if (!chosen) return { entries: candidates.map(({ name, lengthBytes }) => ({ name, lengthBytes })) };
    const needsPassword = chosen.isEncrypted && archive.password === null;
    if (!this.#scratch) {
      // a descriptor is nothing without the files beside it
      const needed = isDescriptorName(chosen.name) ? entries : [chosen];
      const scratchBytes = needed.reduce((sum, { lengthBytes }) => sum + (lengthBytes ?? 0), 0);
      return { scratchBytes, name: basename(chosen.name), needsPassword };
    }
    if (needsPassword) throw new EngineError('ARCHIVE_PASSWORD', { path: archive.path, isWrong: false });
    const unpack = async (entry: ArchiveEntry) => {
      const to = this.#scratchPath();
      const { limits, advance } = this.#scratch!;
      await unpackEntry(archive, entry, to, file.source.lengthBytes, limits, this.#signal, advance);
      return to;
    };
    const openSibling: OpenSibling = async (name) => {
      const entry = entries.find((other) => other.name === beside(chosen.name, name));
      if (!entry) throw new EngineError('NOT_FOUND', { path: name });
      return openSparseFile(await unpack(entry));
    };
    const to = await unpack(chosen);
    const source = this.#keep(await openSparseFile(to));
    return this.#in({ name: basename(chosen.name), source, path: to, openSibling });
  }

  async #inStream(file: FileAtHand, stream: StreamType, type: ArchiveType | null): Promise<Ending> {
    this.#enter(stream);
    const name = file.name.replace(/\.[^.]+$/, '') || file.name;
    if (!this.#scratch) return { name, scratchBytes: await this.#unpackedBytes(file, type) };
    const to = this.#scratchPath();
    const { limits, advance } = this.#scratch;
    const { path } = this.#request;
    const about = { type: stream, path, leftOut: (bytes: number) => this.#warnings.push(leftOut(path, bytes)) };
    const content = unpackStream(about, piecesOf(file.source, this.#signal), this.#signal);
    await writeSparseFile(content, to, { path, lengthBytes: file.source.lengthBytes }, limits, advance);
    const source = this.#keep(await openSparseFile(to));
    // a tar that is packed as a whole is one archive
    if ((await archiveTypeOf(source)) === 'tar') this.#layers--;
    return this.#in({ ...file, name, source, path: to });
  }

  /** As far as the stream itself tells. */
  async #unpackedBytes(file: FileAtHand, type: ArchiveType | null): Promise<number> {
    if (file.path === null || type === null || !isStream(type)) return 0;
    const archive = { path: file.path, type, password: null };
    const entries = await listArchive(archive, this.#signal).catch(() => []);
    this.#signal.throwIfAborted();
    return entries[0]?.lengthBytes ?? 0;
  }

  async #copyOut(file: FileAtHand): Promise<string> {
    const to = this.#scratchPath();
    const packed = { path: this.#request.path, lengthBytes: file.source.lengthBytes };
    const { limits, advance } = this.#scratch!;
    await writeSparseFile(piecesOf(file.source, this.#signal), to, packed, limits, advance);
    return to;
  }

  #scratchPath(): string {
    return join(this.#scratch!.folder, randomUUID());
  }

  #enter(type: NonNullable<Found['archive']>): void {
    this.#archive ??= type;
    if (++this.#layers > MAX_LAYERS) {
      throw new EngineError('ARCHIVE_UNSAFE', { path: this.#request.path, reason: 'nested', value: MAX_LAYERS });
    }
  }
}

/** The name in an archive of a file that lies in the folder of another. */
function beside(name: string, sibling: string): string {
  return name.slice(0, name.lastIndexOf('/') + 1) + sibling;
}

function isPasswordMissing(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'ARCHIVE_PASSWORD' && error.data.isWrong === false;
}

/** An image that brings nothing along but its disk. */
function plainImage(image: Pick<OpenedImage, 'source' | 'warnings'>): OpenedImage {
  return { medium: 'disk', configuration: NOTHING_RECORDED, files: [], verify: async () => {}, ...image };
}
