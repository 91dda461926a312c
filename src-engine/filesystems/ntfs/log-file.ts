/**
 * Whether $LogFile was closed: told by its restart pages, as ntfs-3g does (libntfs-3g/logfile.c); Linux-NTFS, "NTFS
 * Documentation", chapter "$LogFile".
 */
import { struct, text, u16le, u32le, u64le } from '../../core/struct.ts';
import type { FileContent } from '../file-tree.port.ts';

const SECTOR_BYTES = 512;
const page = struct(32, {
  magic: text(0, 4),
  checkDiskLsn: u64le(8),
  systemPageBytes: u32le(16),
  restartAreaOffset: u16le(24),
  majorVersion: u16le(28),
});
const area = struct(16, { currentLsn: u64le(0), clientsInUse: u16le(12), flags: u16le(14) });

const NO_CLIENT = 0xffff;
const IS_CLEAN = 2;
/** Drivers and mkfs.ntfs empty a log by writing this all over it. */
const EMPTY = 0xffffffff;
/** Windows 8 and later go back from version 2 when they dismount a volume; while it is 2, they keep metadata in memory. */
const CACHED_VERSION = 2;

/** Pages are of 4 KiB; no system had larger ones than this. */
const PAGE_BYTES_MAX = 65_536;

interface RestartPage {
  readonly lsn: bigint;
  readonly isClean: boolean;
}

/**
 * @param log the content of $LogFile
 * @throws EngineError `FORMAT_INVALID`, `READ_FAILED`
 */
export async function isLogClosed(log: FileContent): Promise<boolean> {
  const restartPages: RestartPage[] = [];
  let isEmpty = true;
  // the first page stands at 0, the second one behind it, wherever that is
  for (
    let at = 0;
    at <= PAGE_BYTES_MAX && at + SECTOR_BYTES <= log.lengthBytes;
    at = at === 0 ? SECTOR_BYTES : 2 * at
  ) {
    const sector = Buffer.alloc(SECTOR_BYTES);
    await log.readInto(at, sector);
    if (sector.readUInt32LE(0) !== EMPTY) isEmpty = false;
    const restartPage = parseRestartPage(sector, at);
    if (restartPage) restartPages.push(restartPage);
  }
  if (isEmpty) return true;
  const latest = restartPages.reduce<RestartPage | null>((a, b) => (a === null || b.lsn > a.lsn ? b : a), null);
  return latest !== null && latest.isClean;
}

/** @param sector the first one of the page: what is asked for stands in front of its last two bytes, so no fixups are needed */
function parseRestartPage(sector: Buffer, at: number): RestartPage | null {
  const p = page.read(sector);
  const isCheckDisks = p.magic === 'CHKD';
  if (p.magic !== 'RSTR' && !isCheckDisks) return null;
  if (at !== 0 && at !== p.systemPageBytes) return null;
  if (p.restartAreaOffset < page.size || p.restartAreaOffset + area.size > SECTOR_BYTES - 2) return null;
  const { currentLsn, clientsInUse, flags } = area.read(sector, p.restartAreaOffset);
  const isClosed = clientsInUse === NO_CLIENT || (flags & IS_CLEAN) !== 0;
  return {
    lsn: BigInt.asIntN(64, isCheckDisks ? p.checkDiskLsn : currentLsn),
    isClean: isClosed && p.majorVersion < CACHED_VERSION,
  };
}
