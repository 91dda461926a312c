/** Compresses clusters of qcow2 as QEMU does. */
import { promisify } from 'node:util';
import { constants, createZstdCompress, deflateRaw, type ZstdCompress } from 'node:zlib';

const deflate = promisify<Buffer, object, Buffer>(deflateRaw);

/** QEMU unpacks with a window of 4 KiB and no more. */
const DEFLATE_WINDOW_BITS = 12;

/** @returns the compressed cluster, which may be longer than it was */
export type Pack = (cluster: Buffer) => Promise<Buffer>;

export function packerOf(compression: 'zlib' | 'zstd', clusterBytes: number): Pack {
  if (compression === 'zstd') return zstdPacker(clusterBytes);
  const options = { windowBits: DEFLATE_WINDOW_BITS, memLevel: 9, chunkSize: clusterBytes };
  return (cluster) => deflate(cluster, options);
}

/**
 * A frame for each cluster, out of streams that live as long as the image: making one anew for each cluster costs a third of the time.
 * The sizes of the tables are those that the library takes for 64 KiB at its third level.
 */
function zstdPacker(clusterBytes: number): Pack {
  const idle: ZstdCompress[] = [];
  const options = {
    chunkSize: 4 * clusterBytes,
    // the stream must never wait for a reader: what it has is fetched after each frame
    readableHighWaterMark: 16 * clusterBytes,
    params: {
      [constants.ZSTD_c_compressionLevel]: 3,
      [constants.ZSTD_c_windowLog]: Math.log2(clusterBytes),
      [constants.ZSTD_c_hashLog]: 16,
      [constants.ZSTD_c_chainLog]: 15,
    },
  };
  return async (cluster) => {
    const stream = idle.pop() ?? createZstdCompress(options);
    const frame = await new Promise<Buffer>((resolve, reject) => {
      stream.once('error', reject);
      stream.write(cluster);
      stream.flush(constants.ZSTD_e_end, () => {
        stream.off('error', reject);
        resolve(stream.read() as Buffer);
      });
    });
    idle.push(stream);
    return frame;
  };
}
