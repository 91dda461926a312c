/** Linux swap areas: Linux, include/linux/swap.h, union swap_header (version 1, signature "SWAPSPACE2"). */
import { checkRange } from '../../core/bounds.ts';
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
/** What takes the signature's place while the area holds a hibernated machine: the kernel's, uswsusp's, TuxOnIce's. */
const HIBERNATED = ['S1SUSPEND', 'S2SUSPEND', 'ULSUSPEND', 'LINHIB0001', '\xed\xc3\x02\xe9\x98\x56\xe5\x0c'];

/**
 * What pages hold while nobody runs means nothing, unless a hibernated machine waits in them: that area is kept whole.
 * @throws EngineError `FORMAT_INVALID` for a header that no mkswap writes
 */
export async function recogniseSwap(volume: BlockSource): Promise<FileSystem | null> {
  for (const pageBytes of PAGE_SIZES) {
    if (volume.lengthBytes < pageBytes) return null;
    const page = await readBytes(volume, 0, pageBytes);
    const signature = page.toString('latin1', pageBytes - SIGNATURE_BYTES);
    const isHibernated = HIBERNATED.some((name) => signature.startsWith(name));
    if (signature === SWAP || isHibernated) return swapArea(volume, page, isHibernated);
  }
  return null;
}

function swapArea(volume: BlockSource, page: Buffer, isHibernated: boolean): FileSystem {
  const pageBytes = page.length;
  // Written in the byte order of the machine that made the area.
  const isLittle = page.readUInt32LE(1024) === 1;
  const at = (offset: number) => (isLittle ? page.readUInt32LE(offset) : page.readUInt32BE(offset));
  checkRange('version', at(1024), 1, 1);
  const lastPage = checkRange('last_page', at(1028), 1, 2 ** 32 - 1);
  checkRange('nr_badpages', at(1032), 0, Math.floor((pageBytes - SIGNATURE_BYTES - 1536) / 4));
  const lengthBytes = (lastPage + 1) * pageBytes;
  const { lengthBytes: volumeBytes } = volume;

  const warnings: Warning[] = [];
  if (isHibernated) warnings.push({ code: 'SWAP_HIBERNATED', data: {} });
  if (lengthBytes > volumeBytes) warnings.push({ code: 'FILESYSTEM_TRUNCATED', data: { lengthBytes, volumeBytes } });
  const isWhole = warnings.length > 0;
  if (!isWhole) warnings.push({ code: 'SWAP_CONTENT_DROPPED', data: { lengthBytes } });
  return {
    kind: 'swap',
    label: page.toString('utf8', 1052, 1068).replace(/\0[^]*$/, ''),
    uuid: uuidText(page.subarray(1036, 1052)),
    blockBytes: pageBytes,
    lengthBytes,
    captureAs: isWhole ? 'whole' : 'header-only',
    warnings,
    used: () => (isWhole ? wholeVolume(volume) : header(pageBytes)),
    browse: null,
  };
}

async function* header(pageBytes: number) {
  yield [{ startBytes: 0, lengthBytes: pageBytes }];
}
