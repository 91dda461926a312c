/** How a stream is packed: told by its first bytes, never by a name. */
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';
import { isLzmaHeader } from './lzma.ts';

export type StreamType = 'gzip' | 'zstd' | 'xz' | 'bzip2' | 'lz4' | 'lzma' | 'lzip' | 'lzop';

/** Enough of a stream to tell what it is. */
export const HEAD_BYTES = 16;

/**
 * Sources: RFC 1952; RFC 8878; xz-file-format 2.1.1.1; lz4, doc/lz4_Frame_format.md; lzip(1), "File format"; file(1), Magdir/compress (lzop).
 * Of bzip2, the size of its blocks counts too: three letters are few.
 */
const MAGICS: readonly [StreamType, RegExp][] = [
  ['gzip', /^1f8b08/],
  ['zstd', /^28b52ffd/],
  ['xz', /^fd377a585a00/],
  ['bzip2', /^425a683[1-9](314159265359|177245385090)/],
  ['lz4', /^(04224d18|02214c18)/],
  ['lzip', /^4c5a495001/],
  ['lzop', /^894c5a4f000d0a1a0a/],
];

/** Known, and refused by their names. What compress(1) wrote has neither an end nor a sum: nobody can tell whether it is whole. */
const REFUSED: readonly [string, RegExp][] = [
  ['lrzip', /^4c525a49/],
  ['lzip version 0', /^4c5a495000/],
  ['zpaq', /^(7a5051|376b5374a03183d38cb228b0d3)/],
  ['compress (.Z)', /^1f9d[89]/],
  ['pack (.z)', /^1f1e/],
  ['zstd before 0.8', /^2[2-7]b52ffd/],
  ['zstd 0.1', /^fd2fb51e/],
  ['zstd dictionary', /^37a430ec/],
  ['RAR', /^526172211a07/],
  ['xar', /^78617221001c/],
  ['cabinet', /^4d53434600000000/],
];

const SKIPPABLE = /^5[0-9a-f]2a4d18/;
/** zstd and lz4 share frames that readers pass over; nobody writes many before the first that counts. */
const MAX_SKIPPABLE = 1000;

/**
 * @param head the first bytes of a stream, at least {@link HEAD_BYTES} where it has as many
 * @returns null where it is not packed in a way that is known
 * @throws EngineError `FORMAT_UNSUPPORTED`
 */
export function streamTypeOf(head: Buffer): StreamType | null {
  const hex = head.toString('hex', 0, HEAD_BYTES);
  const refused = REFUSED.find(([, magic]) => magic.test(hex));
  if (refused) throw new EngineError('FORMAT_UNSUPPORTED', { feature: refused[0] });
  const known = MAGICS.find(([, magic]) => magic.test(hex))?.[0];
  return known ?? (isLzmaHeader(head) ? 'lzma' : null);
}

/**
 * As {@link streamTypeOf}, past the frames that are to be skipped, with which pzstd begins.
 * @throws EngineError `FORMAT_UNSUPPORTED`; `FORMAT_INVALID` where such frames lead nowhere
 */
export async function streamTypeIn(source: BlockSource): Promise<StreamType | null> {
  for (let at = 0, frames = 0; ; frames++) {
    const head = await readBytes(source, at, Math.min(HEAD_BYTES, source.lengthBytes - at));
    // nothing but frames to skip is an empty stream
    if (head.length === 0) return frames > 0 ? 'zstd' : null;
    if (!SKIPPABLE.test(head.toString('hex')) || head.length < 8) {
      const type = streamTypeOf(head);
      if (frames === 0 || type === 'zstd' || type === 'lz4') return type;
      throw new EngineError('FORMAT_INVALID', { field: 'packed stream', value: head.toString('hex', 0, 4) });
    }
    at += 8 + head.readUInt32LE(4);
    if (at > source.lengthBytes || frames > MAX_SKIPPABLE) {
      throw new EngineError('FORMAT_INVALID', { field: 'skippable frame', value: String(at), max: source.lengthBytes });
    }
  }
}
