/**
 * Linux swap areas: Linux, include/linux/swap.h, union swap_header (version 1, signature "SWAPSPACE2"), and what marks an area
 * that a hibernated machine lies in, as collected in util-linux (libblkid, swap.c).
 */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { Warning } from '../../contract/warnings.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { wholeVolume } from '../extents.ts';
import type { FileSystem } from '../file-system.port.ts';
import { uuidText } from '../uuid.ts';

/** The signature ends the first page of the machine that made the area. */
const PAGE_SIZES = [4096, 8192, 16_384, 32_768, 65_536];
const SIGNATURE_BYTES = 10;
const SWAP = 'SWAPSPACE2';
/** Of kernels before 2.6: a map of good pages, up to its signature. */
const OLD_SWAP = 'SWAP-SPACE';
/** What takes the signature's place while the area holds a hibernated machine: the kernel's, uswsusp's, those of old patches. */
const SUSPENDED = ['S1SUSP', 'S2SUSP', 'ULSUSPEND', 'LINHIB0001'];
/** What TuxOnIce writes at byte 0; a swap signature may stand behind it. */
const SUSPENDED_AT_ZERO = ['\xed\xc3\x02\xe9\x98\x56\xe5\x0c', 'TuxOnIce'];

interface Mark {
  readonly pageBytes: number;
  readonly isSuspended: boolean;
}

/**
 * What pages hold while nobody runs means nothing, unless a hibernated machine waits in them: that area is kept whole. So is one
 * whose page size is not certain, or that is of a version whose length is not told.
 * @throws EngineError `FORMAT_INVALID` for a header that no mkswap writes, or one with two page sizes; `FORMAT_UNSUPPORTED` for version 0
 */
export async function recogniseSwap(volume: BlockSource): Promise<FileSystem | null> {
  const head = await readBytes(volume, 0, Math.min(PAGE_SIZES.at(-1)!, volume.lengthBytes));
  const marks = PAGE_SIZES.map((pageBytes) => markAt(head, pageBytes)).filter((mark) => mark !== null);
  const isSuspended =
    marks.some((mark) => mark.isSuspended) ||
    SUSPENDED_AT_ZERO.some((name) => head.toString('latin1', 0, name.length) === name);
  if (isSuspended) return suspended(volume, head, marks);
  if (marks.length === 0) return null;
  if (marks.length > 1) {
    throw new EngineError('FORMAT_INVALID', {
      field: 'swap signature',
      value: marks.map((mark) => mark.pageBytes).join(', '),
    });
  }
  return swapArea(volume, head.subarray(0, marks[0].pageBytes));
}

/** @throws EngineError `FORMAT_UNSUPPORTED` for version 0 */
function markAt(head: Buffer, pageBytes: number): Mark | null {
  const signature = head.toString('latin1', pageBytes - SIGNATURE_BYTES, pageBytes);
  if (signature === OLD_SWAP) throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'swap version 0' });
  const isSuspended = SUSPENDED.some((name) => signature.startsWith(name));
  return isSuspended || signature === SWAP ? { pageBytes, isSuspended } : null;
}

/** The header's fields, in the byte order of the machine that made the area; null where its version is no version. */
function fieldsOf(page: Buffer) {
  const isLittle = page.readUInt32LE(1024) === 1;
  if (!isLittle && page.readUInt32BE(1024) !== 1) return null;
  const at = (offset: number) => (isLittle ? page.readUInt32LE(offset) : page.readUInt32BE(offset));
  return {
    lastPage: at(1028),
    badPages: at(1032),
    uuid: uuidText(page.subarray(1036, 1052)),
    label: page.toString('utf8', 1052, 1068).replace(/\0[^]*$/, ''),
  };
}

function swapArea(volume: BlockSource, page: Buffer): FileSystem {
  const pageBytes = page.length;
  const fields = fieldsOf(page);
  if (!fields) {
    throw new EngineError('FORMAT_INVALID', {
      field: 'version',
      value: String(page.readUInt32LE(1024)),
      min: 1,
      max: 1,
    });
  }
  const lastPage = checkRange('last_page', fields.lastPage, 1, 2 ** 32 - 1);
  checkRange('nr_badpages', fields.badPages, 0, Math.floor((pageBytes - SIGNATURE_BYTES - 1536) / 4));
  const lengthBytes = (lastPage + 1) * pageBytes;
  const { lengthBytes: volumeBytes } = volume;
  const isWhole = lengthBytes > volumeBytes;
  const warning: Warning = isWhole
    ? { code: 'FILESYSTEM_TRUNCATED', data: { lengthBytes, volumeBytes } }
    : { code: 'SWAP_CONTENT_DROPPED', data: { lengthBytes } };
  return {
    kind: 'swap',
    label: fields.label,
    uuid: fields.uuid,
    blockBytes: pageBytes,
    lengthBytes,
    captureAs: isWhole ? 'whole' : 'header-only',
    warnings: [warning],
    used: () => (isWhole ? wholeVolume(volume) : header(pageBytes)),
    browse: null,
  };
}

/** Nothing of the header is asked for: what was written over it is the machine's. */
function suspended(volume: BlockSource, head: Buffer, marks: Mark[]): FileSystem {
  const pageBytes = marks.at(0)?.pageBytes ?? PAGE_SIZES[0];
  const fields = marks.length === 1 ? fieldsOf(head.subarray(0, pageBytes)) : null;
  return {
    kind: 'swap',
    label: fields?.label ?? '',
    uuid: fields?.uuid ?? '',
    blockBytes: pageBytes,
    lengthBytes: volume.lengthBytes,
    captureAs: 'whole',
    warnings: [{ code: 'SWAP_HIBERNATED', data: {} }],
    used: () => wholeVolume(volume),
    browse: null,
  };
}

async function* header(pageBytes: number) {
  yield [{ startBytes: 0, lengthBytes: pageBytes }];
}
