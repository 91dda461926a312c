/** Gives the memory of a large buffer back at once. */

/** Smaller buffers may be pieces of a pool that others use too, and are not worth it. */
const MIN_BYTES = 1024 * 1024;

/**
 * Without this, megabytes that were used once wait for the garbage collector, which sees small objects only and takes its
 * time: several hundred megabytes at the rate of a capture. The buffer is empty afterwards.
 */
export function releaseMemory(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= MIN_BYTES && !buffer.detached) buffer.transfer(0);
}
