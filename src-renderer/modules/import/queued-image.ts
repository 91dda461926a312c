/** An image that waits to be imported: what was recognised of it, and what a person said. */
import {
  NameSchema,
  type BootChoice,
  type CommandParams,
  type DiskFormat,
  type DiskView,
  type ErrorView,
  type ImportView,
  type OutsideChoice,
  type Kind,
  type Licence,
  type RecordedConfiguration,
} from '../../../src-engine/contract/index.ts';

import type { ProofForm } from '../boot/index.ts';

export interface ImportForm {
  name: string;
  note: string;
  tags: string[];
  kind: Kind;
  licence: Licence;
  operatingSystem: string;
  /** null: not said */
  bootMode: RecordedConfiguration['bootMode'];
  hasCloudInit: boolean | null;
  outside: OutsideChoice;
  /** limits against bombs; null: the usual ones */
  maxUnpackedBytes: number | null;
  maxRatio: number | null;
}

export interface QueuedImage {
  readonly id: number;
  /** null: a file was dropped, and the browser does not tell where it lies */
  path: string | null;
  name: string;
  /** of what a browser sends in the place of a path: how much has arrived; null: nothing is on its way */
  sending: { doneBytes: number; totalBytes: number | null } | null;
  /** of what has arrived that way */
  uploadId: string | null;
  /** whether it can be sent */
  canBeSent: boolean;
  password: string;
  /** which image of an archive with several */
  entry: string | null;
  /** which disk of a machine with several, from 1; 0: all of them */
  disk: number;
  /** what a person says that the image is; null: what its content says */
  format: DiskFormat | null;
  isLooking: boolean;
  view: ImportView | null;
  /** all disks that there are to choose from, also once one of them is chosen */
  machine: ImportView['disks'];
  error: ErrorView | null;
  form: ImportForm;
  /** whether the version is started once it is stored, and how */
  proof: ProofForm;
  jobId: string | null;
}

/** What a queued image needs next, before it can be described. */
export type Need = 'path' | 'sending' | 'looking' | 'password' | 'entry' | 'other-file' | null;

export function needOf({ path, sending, isLooking, view, error, password, entry }: QueuedImage): Need {
  if (sending) return 'sending';
  if (path === null) return error ? 'other-file' : 'path';
  if (isLooking) return 'looking';
  if (error?.code === 'ARCHIVE_PASSWORD' || (view?.needsPassword && password === '')) return 'password';
  if (error || !view) return 'other-file';
  return view.entries.length > 1 && entry === null ? 'entry' : null;
}

export const emptyForm = (): ImportForm => ({
  name: '',
  note: '',
  tags: [],
  kind: 'lab',
  licence: 'none',
  operatingSystem: '',
  bootMode: null,
  hasCloudInit: null,
  outside: 'ask',
  maxUnpackedBytes: null,
  maxRatio: null,
});

/** What a person chose, without what the engine tells anew and without the password. */
export type ImageDraft = Pick<
  QueuedImage,
  'path' | 'name' | 'uploadId' | 'entry' | 'disk' | 'format' | 'form' | 'proof'
> & {
  isActive: boolean;
};

export function draftOfImage(image: QueuedImage, isActive: boolean): ImageDraft {
  const { path, name, uploadId, entry, disk, format, form, proof } = image;
  return { path, name, uploadId, entry, disk, format, form, proof, isActive };
}

/** Once one of several images is chosen, the engine speaks of that alone: the others stay in sight, so that the choice can be changed. */
export const withEntries = (seen: ImportView, { entry, view }: QueuedImage): ImportView =>
  entry !== null && seen.entries.length === 0 && view ? { ...seen, entries: view.entries } : seen;

/** Of what was just looked at as a whole; where one disk was chosen, the others stay in sight too. A package goes in whole. */
export function machineIn({ disks, format }: ImportView, { disk, machine }: QueuedImage): ImportView['disks'] {
  if (disk > 0) return machine;
  return format === 'package' || disks.length < 2 ? [] : disks;
}

/** The disks in it as they are known: none before they are unpacked. */
export const disksIn = ({ disk, disks }: ImportView): DiskView[] =>
  disks.length > 1 ? disks.flatMap((one) => one.disk ?? []) : disk ? [disk] : [];

/** Something else was said of the file: what was known of its disks does not hold any more. */
export const NO_MACHINE = { disk: 0, machine: [] };

/** The disk that is chosen, as commands name it. */
export const diskAsked = ({ disk }: Pick<QueuedImage, 'disk'>) => (disk > 0 ? { disk } : {});

/** The form with what inspection proposes, where nothing was said yet. Of the boot mode only what is certain. */
export function propose(form: ImportForm, { proposed, proposedName, isBootModeCertain }: ImportView): ImportForm {
  return {
    ...form,
    name: form.name || (NameSchema.safeParse(proposedName).success ? proposedName : ''),
    operatingSystem: form.operatingSystem || (proposed.operatingSystem ?? ''),
    bootMode: form.bootMode ?? (isBootModeCertain ? proposed.bootMode : null),
    hasCloudInit: form.hasCloudInit ?? proposed.hasCloudInit,
  };
}

/** What was said of a proof, see `proofSaid`. */
type Proven = { choice: Partial<BootChoice> | null; faults: ReadonlySet<string> };

/** What is planned for; null as long as something is missing. What was not said is left to inspection. */
export function importRequest(
  image: QueuedImage,
  proof: Proven = { choice: null, faults: new Set() },
): CommandParams<'import.plan'> | null {
  const { path, form, entry, format, password } = image;
  if (path === null || needOf(image) !== null || !NameSchema.safeParse(form.name).success) return null;
  if (proof.faults.size > 0) return null;
  return {
    path,
    entry,
    ...diskAsked(image),
    format,
    password: password || null,
    name: form.name.trim(),
    note: form.note,
    tags: [...form.tags],
    kind: form.kind,
    licence: form.licence,
    outside: form.outside,
    ...(proof.choice && { bootProof: proof.choice }),
    ...(form.operatingSystem.trim() ? { operatingSystem: form.operatingSystem.trim() } : {}),
    ...(form.bootMode ? { bootMode: form.bootMode } : {}),
    ...(form.hasCloudInit === null ? {} : { hasCloudInit: form.hasCloudInit }),
    ...(form.maxUnpackedBytes === null ? {} : { maxUnpackedBytes: form.maxUnpackedBytes }),
    ...(form.maxRatio === null ? {} : { maxRatio: form.maxRatio }),
  };
}
