/** Tells what file system a volume holds, if it is one whose free space is known here. */
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { recogniseBtrfs } from './btrfs/btrfs.ts';
import { recogniseExt } from './ext/ext.ts';
import { recogniseExfat } from './exfat/exfat.ts';
import { recogniseFat } from './fat/fat.ts';
import type { FileSystem } from './file-system.port.ts';
import { recogniseNtfs } from './ntfs/ntfs.ts';
import { signaturesOf, type Signature } from './signatures.ts';
import { recogniseSwap } from './swap/swap.ts';
import { recogniseXfs } from './xfs/xfs.ts';

/** Their boot sector outlives them under the table of a later life, which keeps boot code: they are there where the rest is sound. */
const IN_BOOT_CODE: readonly string[] = ['fat', 'ntfs'];

const FAMILIES = [
  { name: 'btrfs', recognise: recogniseBtrfs },
  { name: 'exfat', recognise: recogniseExfat },
  { name: 'ext', recognise: recogniseExt },
  { name: 'fat', recognise: recogniseFat },
  { name: 'ntfs', recognise: recogniseNtfs },
  { name: 'swap', recognise: recogniseSwap },
  { name: 'xfs', recognise: recogniseXfs },
];

/** What a volume may be, as far as it can be told. */
export interface Faces {
  /** the one that it certainly holds */
  readonly fileSystem: FileSystem | null;
  /** where it shows a file system of these and something else as well: all that it shows, in the order of belief */
  readonly contested: readonly string[];
}

/**
 * Must never take a volume for what it is not: what looks free would be lost. So whoever shows two faces (a RAID member that
 * begins like the file system inside it, a new file system over remains of an old one) is nobody, and is captured whole.
 * @param signatures what {@link signaturesOf} says of it: all of them count, wherever they stand
 * @throws EngineError `FORMAT_INVALID` for one that is damaged, `FORMAT_UNSUPPORTED` (data: `feature`), `READ_FAILED`
 */
export async function lookAtFaces(volume: BlockSource, signatures: readonly Signature[]): Promise<Faces> {
  const found: FileSystem[] = [];
  for (const { recognise } of FAMILIES) {
    const fileSystem = await recognise(volume);
    if (fileSystem) found.push(fileSystem);
  }
  const names = [...new Set([...signatures, ...found.map(({ kind }) => ({ name: kind }))].map(({ name }) => name))];
  const isCertain = names.length === 1;
  return { fileSystem: isCertain ? (found[0] ?? null) : null, contested: isCertain || found.length === 0 ? [] : names };
}

/**
 * @returns the file system that a volume holds, or null where it holds none, or shows two faces
 * @throws EngineError as {@link lookAtFaces}
 */
export async function recogniseFileSystem(volume: BlockSource): Promise<FileSystem | null> {
  return (await lookAtFaces(volume, await signaturesOf(volume))).fileSystem;
}

/**
 * All file systems that a volume shows signs of, damaged ones too: whoever asks wants to know what may be there, not what can be read.
 * @param tellsNothing which errors are no sign: a place that cannot be read says nothing of what is there
 * @returns their kinds; those of families where the kind cannot be told
 * @throws EngineError `READ_FAILED`
 */
export async function facesOf(volume: BlockSource, tellsNothing: (error: EngineError) => boolean): Promise<string[]> {
  const faces: string[] = [];
  for (const { name, recognise } of FAMILIES) {
    try {
      const fileSystem = await recognise(volume);
      if (fileSystem) faces.push(fileSystem.kind);
    } catch (error) {
      if (!(error instanceof EngineError) || !['FORMAT_INVALID', 'FORMAT_UNSUPPORTED'].includes(error.code))
        throw error;
      if (tellsNothing(error)) continue;
      if (error.code === 'FORMAT_UNSUPPORTED' || !IN_BOOT_CODE.includes(name)) faces.push(name);
    }
  }
  return faces;
}
