/**
 * Which files of a Clonezilla (or Rescuezilla) image folder hold what. Names as Clonezilla's ocs-functions and Rescuezilla's
 * documentation have them: `sda1.ext4-ptcl-img.gz.aa`, `nvme0n1p2.dd-img`, `swappt-sda3.info`.
 */
import { EngineError } from '../../core/engine-error.ts';

/** How the content of a partition is kept: as a partclone image, or byte by byte. */
export type PieceKind = 'partclone' | 'dd';

export interface PartitionPiece {
  readonly device: string;
  readonly kind: PieceKind;
  /** its files in order: one, or pieces named .aa, .ab… */
  readonly files: readonly string[];
}

/** Nobody splits a partition in more pieces, and a folder has at most so many files. */
const MAX_FILES = 100_000;

const IMAGE =
  /^([A-Za-z0-9_-]+)\.(?:([\w+-]+)-(ptcl|partimage|ntfs)|dd)-img(?:\.(?!a[a-z]{1,2}$)[a-z0-9]+)?(?:\.([a-z]{2,4}))?$/;

/**
 * @param names the files of the folder
 * @returns the pieces, by the name of the partition's device
 * @throws EngineError `FORMAT_UNSUPPORTED` for images of partimage and ntfsclone; `FORMAT_INVALID` where a piece is missing
 */
export function partitionPieces(names: readonly string[]): Map<string, PartitionPiece> {
  if (names.length > MAX_FILES)
    throw new EngineError('FORMAT_INVALID', { field: 'files', value: String(names.length) });
  const found = new Map<string, PartitionPiece>();
  for (const name of [...names].sort(byPieces)) {
    const match = IMAGE.exec(name);
    if (!match) continue;
    const [, device, , tool, suffix] = match;
    if (tool === 'partimage' || tool === 'ntfs') {
      throw new EngineError('FORMAT_UNSUPPORTED', { feature: tool === 'ntfs' ? 'ntfsclone' : tool, path: name });
    }
    const kind = tool === 'ptcl' ? 'partclone' : 'dd';
    const before = found.get(device);
    if (before && before.kind !== kind) throw new EngineError('FORMAT_INVALID', { field: 'pieces', value: name });
    const files = [...(before?.files ?? []), name];
    if (suffix !== undefined && suffix !== suffixOf(files.length - 1, suffix.length)) {
      throw new EngineError('FORMAT_INVALID', {
        field: 'pieces',
        value: `${suffixOf(files.length - 1, suffix.length)} of ${device}`,
      });
    }
    found.set(device, { device, kind, files });
  }
  return found;
}

/** Shorter suffixes come first: split(1) goes from .zz to .zaaa. */
const byPieces = (a: string, b: string) => a.length - b.length || (a < b ? -1 : 1);

/** The n-th suffix of split(1), from 0: aa, ab… */
function suffixOf(number: number, length: number): string {
  let text = '';
  for (let i = 0, left = number; i < length; i++, left = Math.floor(left / 26)) {
    text = String.fromCharCode(97 + (left % 26)) + text;
  }
  return text;
}
