/**
 * Which files of a Clonezilla (or Rescuezilla) image folder hold what. Names as Clonezilla's ocs-functions and Rescuezilla's
 * documentation have them: `sda1.ext4-ptcl-img.gz.aa`, `nvme0n1p2.dd-img`, `cciss-c0d0p1.dd-ptcl-img.zst.aa`, `swappt-sda3.info`.
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

/** The device, how it was read, how it was packed, and which piece it is. */
const IMAGE =
  /^(.+?)\.(?:([\w+-]+)-(ptcl|partimage|ntfs)|(dd|ntfs|partimage))-img(?:\.(gz|bz2|lzo|lzma|xz|lz|lzip|lrz|lz4|zst|uncomp))?(?:\.([a-z]{2,8}))?$/;
/** An image that is neither packed nor whole: its pieces may be called as packers are. */
const PLAIN_PIECE = /^(.+-img)\.([a-z]{2})$/;

/** Slashes of device names are dashes in names of files: cciss/c0d0p1, mapper/isw_abc_Volume0p1. */
export const fileNameOf = (device: string) => device.replaceAll('/', '-');

/**
 * @param names the files of the folder
 * @returns the pieces, by the name of the partition's device in names of files
 * @throws EngineError `FORMAT_UNSUPPORTED` for images of partimage and ntfsclone; `FORMAT_INVALID` where a piece is missing, or one is there twice
 */
export function partitionPieces(names: readonly string[]): Map<string, PartitionPiece> {
  if (names.length > MAX_FILES)
    throw new EngineError('FORMAT_INVALID', { field: 'files', value: String(names.length) });
  const all = new Set(names);
  const images = new Map<string, PartitionPiece & { readonly base: string; readonly last: string | null }>();
  for (const name of [...names].sort(byPieces)) {
    const match = IMAGE.exec(name);
    if (!match) continue;
    const [, device, fileSystem, tool = match[4], , , piece] = match;
    if (tool === 'partimage' || tool === 'ntfs') {
      throw new EngineError('FORMAT_UNSUPPORTED', { feature: tool === 'ntfs' ? 'ntfsclone' : tool, path: name });
    }
    const plain = PLAIN_PIECE.exec(name);
    const isPlainPiece = plain !== null && all.has(`${plain[1]}.aa`);
    const last = isPlainPiece ? plain[2] : (piece ?? null);
    const base = last === null ? name : name.slice(0, -last.length - 1);
    const before = images.get(device);
    if (before && (before.base !== base || before.last === null || last === null)) {
      throw new EngineError('FORMAT_INVALID', { field: 'pieces', value: `${before.files[0]}, ${name}` });
    }
    const expected = before ? suffixesAfter(before.last!) : [last && 'a'.repeat(last.length)];
    if (!expected.includes(last)) {
      throw new EngineError('FORMAT_INVALID', { field: 'pieces', value: `${expected[0]} of ${device}`, path: name });
    }
    // partclone.dd writes what it reads, without a header
    const kind = tool === 'ptcl' && fileSystem !== 'dd' ? 'partclone' : 'dd';
    images.set(device, { device, kind, files: [...(before?.files ?? []), name], base, last });
  }
  return images;
}

/** Shorter suffixes come first: split(1) goes from .yz to .zaaa. */
const byPieces = (a: string, b: string) => a.length - b.length || (a < b ? -1 : 1);

/** What may follow a suffix of split(1): the next of that length; and where it widens by itself, it does so one letter before all are z. */
function suffixesAfter(suffix: string): string[] {
  const letters = [...suffix];
  let at = letters.length - 1;
  for (; at >= 0 && letters[at] === 'z'; at--) letters[at] = 'a';
  const next = at < 0 ? [] : [[...letters.slice(0, at), nextLetter(letters[at]), ...letters.slice(at + 1)].join('')];
  const [, before, own] = /^(z*)(y?z+)$/.exec(suffix) ?? [];
  const isLastOfItsWidth = own?.startsWith('y') && own.length === before.length + 2;
  return isLastOfItsWidth ? [...next, `${before}z${'a'.repeat(own.length + 1)}`] : next;
}

const nextLetter = (letter: string) => String.fromCharCode(letter.charCodeAt(0) + 1);
