/** Packs bytes as a bare LZMA stream, without a header and without a marker at its end: that of a 7z, taken out of it (7-Zip's SDK, 7zFormat.txt). */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineError, ioError } from '../core/engine-error.ts';
import { struct, text, u64le } from '../core/struct.ts';
import { start } from './seven-zip.ts';

const headerStruct = struct(32, { magic: text(0, 2), nextHeaderAt: u64le(12) });
/** The literal context is of three bits, the position of two, as 7-Zip and GRUB have it. */
const METHOD = '-m0=LZMA:d=64k:lc=3:lp=0:pb=2:fb=273:mt=1';

/** @throws EngineError `DISK_FULL`, `WRITE_FAILED`, `FORMAT_INVALID`, `ABORTED`, `UNSUPPORTED_PLATFORM` */
export async function packLzma(bytes: Uint8Array, signal: AbortSignal): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'diskpress-lzma-')).catch((error) => {
    throw ioError(error, 'WRITE_FAILED', { path: tmpdir() });
  });
  try {
    const [from, to] = [join(folder, 'content'), join(folder, 'packed.7z')];
    await writeFile(from, bytes).catch((error) => {
      throw ioError(error, 'WRITE_FAILED', { path: from });
    });
    // no header that is packed itself: what stands before it is the stream and nothing else
    const args = ['a', '-t7z', METHOD, '-mhc=off', '-bso0', '-bsp0', '--', to, from];
    const { child, ended } = start(args, { path: to, type: '7z', password: null }, signal);
    child.stdout.resume();
    await ended;
    const archive = await readFile(to);
    const header = headerStruct.read(archive);
    const end = headerStruct.size + Number(header.nextHeaderAt);
    if (header.magic !== '7z' || end > archive.length) throw new EngineError('FORMAT_INVALID', { field: '7z header' });
    return archive.subarray(headerStruct.size, end);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
