/** What looking for an image comes to. */
import type { ARCHIVE_TYPES, ImageFormat } from '../contract/import.contract.ts';
import type { RecordedConfiguration } from '../contract/template.contract.ts';
import type { Warning } from '../contract/warnings.ts';
import type { JobContext } from '../core/job-context.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import type { ArchiveEntry } from '../archive/list-archive.ts';
import type { ArchiveFile } from '../archive/seven-zip.ts';
import type { PackageAbout } from './package-format.ts';
import type { Candidate } from './candidates.ts';

/** A disk that can be read. It is open as long as what was found is. */
export interface OpenedImage {
  readonly source: BlockSource;
  readonly medium: 'disk' | 'iso';
  /** what its file says of the machine; what is on the disk is not looked at */
  readonly configuration: RecordedConfiguration;
  readonly warnings: readonly Warning[];
  /** names of the files beside it that are read too */
  readonly files: readonly string[];
  /** Compares what was read of the files with checksums that came along. @throws EngineError `FORMAT_INVALID` with the file's name */
  verify(context: JobContext): Promise<void>;
}

export interface FoundPackage {
  readonly archive: ArchiveFile;
  readonly entries: readonly ArchiveEntry[];
  readonly about: PackageAbout;
}

/** One of several disks that belong together. */
export interface FoundDiskName {
  /** of its file, or of its device */
  readonly name: string;
  readonly lengthBytes: number | null;
  readonly bus: string | null;
  readonly address: string | null;
}

export interface Found {
  /** around all of it */
  readonly archive: (typeof ARCHIVE_TYPES)[number] | null;
  /** null: not known before it is unpacked */
  readonly format: ImageFormat | null;
  readonly needsPassword: boolean;
  /** more than one: a person has to say which */
  readonly entries: readonly Candidate[];
  /** unpacked bytes beside the catalog, as far as known */
  readonly scratchBytes: number;
  /** partitions of its table that it does not hold: they would be zeros */
  readonly notSaved: readonly string[];
  /** the disks of one machine that are taken together, in their order; empty: one alone, or not known before it is unpacked */
  readonly disks: readonly FoundDiskName[];
  /** one for each disk, in their order; none until all of them are unpacked, chosen, or the password is known; a package has none */
  readonly images: readonly OpenedImage[];
  /** of what is around the images, and of what can be told of them before they are unpacked; those of `images` come besides */
  readonly warnings: readonly Warning[];
  /** the first of {@link images}, or null */
  readonly image: OpenedImage | null;
  readonly package: FoundPackage | null;
  /** of the innermost file or machine, for a name */
  readonly name: string;
  /** of the innermost file */
  readonly fileName: string;
  /** @throws EngineError `SOURCE_CHANGED` where one of the files that it is read from is not what it was when it was opened */
  refuseChanged(): Promise<void>;
  close(): Promise<void>;
}
