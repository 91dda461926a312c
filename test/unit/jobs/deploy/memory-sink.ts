/** A disk in memory that remembers what was done to it, in order. */
import { expect } from 'vitest';
import { checkSpan } from '../../../../src-engine/core/bounds.ts';
import type { BlockSink } from '../../../../src-engine/disk/block-source.port.ts';

export function memorySink(before: Buffer) {
  const bytes = Buffer.from(before);
  const log: ({ kind: 'write'; from: number; to: number } | { kind: 'sync' })[] = [];
  const sink: BlockSink = {
    lengthBytes: bytes.length,
    sectorBytes: 512,
    physicalSectorBytes: 512,
    isEmpty: false,
    readBack: 'direct',
    async write(offsetBytes, data) {
      checkSpan('write', offsetBytes, data.length, bytes.length);
      bytes.set(data, offsetBytes);
      log.push({ kind: 'write', from: offsetBytes, to: offsetBytes + data.length });
    },
    async sync() {
      log.push({ kind: 'sync' });
    },
    async readBackInto(offsetBytes, into) {
      expect([offsetBytes % 4096, into.length % 4096]).toEqual([0, 0]);
      bytes.copy(into, 0, offsetBytes, Math.min(bytes.length, offsetBytes + into.length));
    },
    async close() {},
  };
  return { bytes, log, sink };
}
