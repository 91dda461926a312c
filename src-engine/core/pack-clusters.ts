/** Compresses clusters of disk images, each on its own and so that QEMU unpacks it. Takes processor time: for press threads. */
import { constants, deflateRawSync, zstdCompressSync } from 'node:zlib';

/** QEMU unpacks deflate with a window of 4 KiB and no more. */
const DEFLATE_WINDOW_BITS = 12;
const ZSTD_LEVEL = 3;
/** What the output may be longer than the input: then it is not used, but it has to have room. */
const SPARE_BYTES = 1024;

export type ClusterCodec = 'zstd' | 'deflate-raw';

/**
 * @param memory whole clusters, one behind the other; what they become takes their place, again one behind the other
 * @returns the length of each; one that compression does not make shorter is left as it is, and has `clusterBytes`
 */
export function packClusters(codec: ClusterCodec, memory: Uint8Array, clusterBytes: number): Uint32Array {
  const lengths = new Uint32Array(memory.length / clusterBytes);
  let end = 0;
  for (let i = 0; i < lengths.length; i++) {
    const cluster = memory.subarray(i * clusterBytes, (i + 1) * clusterBytes);
    const packed = packOne(codec, cluster);
    // what was packed never reaches the clusters that are still to come
    const bytes = packed.length < clusterBytes ? packed : cluster;
    memory.set(bytes, end);
    end += lengths[i] = bytes.length;
    release(packed);
  }
  return lengths;
}

function packOne(codec: ClusterCodec, cluster: Uint8Array): Buffer {
  const chunkSize = cluster.length + SPARE_BYTES;
  if (codec === 'deflate-raw') {
    return deflateRawSync(cluster, { windowBits: DEFLATE_WINDOW_BITS, memLevel: 9, chunkSize });
  }
  const params = { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL };
  return zstdCompressSync(cluster, { chunkSize, pledgedSrcSize: cluster.length, params });
}

/** The garbage collector would let a hundred megabytes of these come together. */
function release({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}
