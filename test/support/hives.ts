/** Registry hives as files in memory. */
import type { FileContent } from '../../src-engine/filesystems/file-tree.port.ts';

export const contentOf = (bytes: Buffer): FileContent => ({
  lengthBytes: bytes.length,
  async readInto(offsetBytes, into) {
    bytes.copy(into, 0, offsetBytes, offsetBytes + into.length);
  },
  async *dataRuns() {
    yield [{ startBytes: 0, lengthBytes: bytes.length }];
  },
});

/** @returns the same bytes, with the sum that their base block must have */
export function summed(bytes: Buffer): Buffer {
  let sum = 0;
  for (let at = 0; at < 508; at += 4) sum ^= bytes.readInt32LE(at);
  bytes.writeInt32LE(sum, 508);
  return bytes;
}

/** A hive that Windows had open: what is newest stands in its logs. */
export function notClosed(bytes: Buffer): Buffer {
  const open = Buffer.from(bytes);
  open.writeUInt32LE(open.readUInt32LE(8) + 1, 4);
  return summed(open);
}
