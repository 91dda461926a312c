/** A source over bytes in memory: boot records under construction, and tests. */
import { checkSpan } from '../core/bounds.ts';
import type { BlockSource } from './block-source.port.ts';

export function memorySource(bytes: Uint8Array, sectorBytes = 512): BlockSource {
  return {
    lengthBytes: bytes.length,
    sectorBytes,
    physicalSectorBytes: sectorBytes,
    async readInto(offsetBytes, into) {
      checkSpan('read', offsetBytes, into.length, bytes.length);
      into.set(bytes.subarray(offsetBytes, offsetBytes + into.length));
    },
    async close() {},
  };
}
