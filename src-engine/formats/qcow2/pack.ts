/** Compresses clusters of qcow2 as QEMU does. */
import { promisify } from 'node:util';
import { constants, deflateRaw, zstdCompress } from 'node:zlib';

const deflate = promisify<Buffer, object, Buffer>(deflateRaw);
const zstd = promisify<Buffer, object, Buffer>(zstdCompress);

/** QEMU unpacks with a window of 4 KiB and no more. */
const WINDOW_BITS = 12;
const ZSTD_LEVEL = 3;

export type Pack = (cluster: Buffer) => Promise<Buffer>;

export function packerOf(compression: 'zlib' | 'zstd', clusterBytes: number): Pack {
  if (compression === 'zlib')
    return (cluster) => deflate(cluster, { windowBits: WINDOW_BITS, memLevel: 9, chunkSize: clusterBytes });
  // told the length, the library takes smaller tables, and is half as long about it
  const options = {
    pledgedSrcSize: clusterBytes,
    chunkSize: clusterBytes,
    params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL },
  };
  return (cluster) => zstd(cluster, options);
}
