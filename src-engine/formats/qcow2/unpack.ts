/** Compressed clusters of qcow2: raw deflate, or one zstd frame. QEMU, docs/interop/qcow2.txt, "Compressed Clusters Descriptor". */
import { promisify } from 'node:util';
import { constants, inflateRaw, zstdDecompress } from 'node:zlib';
import { zstdFrameBytes } from '../../core/zstd-frame.ts';

const inflate = promisify(inflateRaw);
const zstd = promisify<Buffer, object, Buffer>(zstdDecompress);

/** One more than a cluster, so that Node's functions end with one call to the library. */
const SPARE_BYTES = 64;
/** A frame may ask for a window of gigabytes; no compressor needs more than this for 2 MiB. */
const WINDOW_LOG_MAX = 23;

/** @returns what unpacks one cluster, never to more than `clusterBytes` */
export function unpackerOf(compression: 'zlib' | 'zstd', clusterBytes: number): (packed: Buffer) => Promise<Buffer> {
  const limits = { maxOutputLength: clusterBytes, chunkSize: clusterBytes + SPARE_BYTES };
  if (compression === 'zlib') return (packed) => inflate(packed, limits);
  const options = { ...limits, params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX } };
  // bytes behind the frame would be taken for another one
  return (packed) => zstd(packed.subarray(0, zstdFrameBytes(packed)), options);
}
