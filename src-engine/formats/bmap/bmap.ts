/** Block maps beside images: which blocks hold something, and their checksums. Versions 1.x and 2.0, as bmaptool describes them in its files. */
import type { Element } from '@xmldom/xmldom';
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { attribute, childNamed, childrenNamed, parseXml, textOf } from '../../core/xml.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { runsWithin } from '../../disk/runs-within.ts';

export const MAX_BMAP_BYTES = 8 * 1024 * 1024;
const MAX_RANGES = 1_000_000;
const SUM_KINDS = ['sha1', 'sha256', 'sha512'] as const;

export interface MappedRange extends Extent {
  /** hexadecimal digits, small; '' where there is none */
  readonly sum: string;
}

export interface BlockMapFile {
  readonly lengthBytes: number;
  /** ascending and disjoint */
  readonly ranges: readonly MappedRange[];
  readonly sumKind: (typeof SUM_KINDS)[number];
}

/** @throws EngineError `FORMAT_INVALID`; `FORMAT_UNSUPPORTED` for other versions and kinds of sums */
export function parseBmap(bytes: Buffer): BlockMapFile {
  try {
    return blockMapOf(bytes);
  } catch (error) {
    if (error instanceof EngineError) throw error;
    // the parser goes down into elements by calling itself
    throw new EngineError('FORMAT_INVALID', { field: 'bmap', value: 'XML' }, '', { cause: error });
  }
}

function blockMapOf(bytes: Buffer): BlockMapFile {
  const root = parseXml(bytes.toString('utf8'), 'bmap', 'bmap');
  const version = attribute(root, 'version');
  if (!/^(1\.[0-4]|2\.0)$/.test(version))
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `bmap ${version.slice(0, 20)}` });
  const lengthBytes = number(root, 'ImageSize', 1, Number.MAX_SAFE_INTEGER);
  const blockBytes = number(root, 'BlockSize', 1, 2 ** 30);
  const kind = textOf(root, 'ChecksumType') || 'sha1';
  const sumKind = SUM_KINDS.find((known) => known === kind);
  if (!sumKind) throw new EngineError('FORMAT_UNSUPPORTED', { feature: `bmap checksum ${kind.slice(0, 20)}` });
  const map = childNamed(root, 'BlockMap');
  if (!map) throw new EngineError('FORMAT_INVALID', { field: 'BlockMap', value: 'missing' });
  const ranges: MappedRange[] = [];
  let endBytes = 0;
  const blocks = Math.ceil(lengthBytes / blockBytes);
  for (const range of childrenNamed(map, 'Range')) {
    const [, first, last = first] = /^\s*(\d+)\s*(?:-\s*(\d+)\s*)?$/.exec(range.textContent ?? '') ?? [];
    const from = checkRange('Range', Number(first), Math.ceil(endBytes / blockBytes), blocks - 1);
    const to = checkRange('Range', Number(last), from, blocks - 1);
    const startBytes = from * blockBytes;
    endBytes = Math.min(lengthBytes, (to + 1) * blockBytes);
    const sum = (attribute(range, 'chksum') || attribute(range, 'sha1')).toLowerCase();
    ranges.push({ startBytes, lengthBytes: endBytes - startBytes, sum });
    if (ranges.length > MAX_RANGES) throw new EngineError('FORMAT_INVALID', { field: 'Range', max: MAX_RANGES });
  }
  return { lengthBytes, ranges, sumKind };
}

/** The image with what the map leaves out as zeros; closing it closes `image`. @param image as long as the map says */
export function blockMapSource(image: BlockSource, { ranges }: BlockMapFile): BlockSource {
  return {
    ...image,
    async readInto(offsetBytes, into) {
      let done = 0;
      for (const batch of runsWithin(ranges, offsetBytes, into.length)) {
        for (const run of batch) {
          const start = run.startBytes - offsetBytes;
          into.fill(0, done, start);
          done = start + run.lengthBytes;
          await image.readInto(run.startBytes, into.subarray(start, done));
        }
      }
      into.fill(0, done);
    },
    async *dataRuns(startBytes, lengthBytes) {
      yield* runsWithin(ranges, startBytes, lengthBytes);
    },
  };
}

function number(element: Element, name: string, min: number, max: number): number {
  const found = textOf(element, name);
  return checkRange(name, /^\d+$/.test(found) ? Number(found) : NaN, min, max);
}
