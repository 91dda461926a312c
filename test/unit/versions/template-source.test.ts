import { expect, test } from 'vitest';
import type { ChunkIndex } from '../../../src-engine/store/chunk-index.ts';
import { WINDOW_BYTES } from '../../../src-engine/store/chunking.ts';
import type { ManifestReader } from '../../../src-engine/store/manifest-reader.ts';
import type { UnpackedFrames } from '../../../src-engine/store/unpacked-frames.ts';
import type { ManifestJson } from '../../../src-engine/versions/manifest-json.ts';
import { templateSource } from '../../../src-engine/versions/template-source.ts';

const CHUNK = 4096;
const FRAME = { packPath: 'pack', offset: 32, headBytes: 104, storedBytes: 8192 };

test('nothing is read of a place where something is missing: no read is under way when that is told', async () => {
  const record = {
    region: 0,
    window: 0,
    extents: Uint32Array.of(0, 2 * CHUNK),
    lengths: Uint32Array.of(CHUNK, CHUNK),
    hashes: Uint8Array.from({ length: 64 }, (_, i) => (i < 32 ? 1 : 2)),
  };
  const begun: number[] = [];
  // of the second chunk the store knows nothing any more
  const place = (hash: Uint8Array) =>
    hash[0] === 1 ? { chunk: { frameId: 1, offsetInFrame: 0, lengthBytes: CHUNK }, frame: FRAME } : null;
  const served = {
    isReadAtRandom: false,
    async readInto(_: unknown, offset: number, __: Uint8Array, from: number, into: Uint8Array) {
      begun.push(offset + from);
      await Promise.resolve();
      into.fill(7);
    },
  };
  const source = templateSource(
    { place } as unknown as ChunkIndex,
    { find: async () => record } as unknown as ManifestReader,
    {
      disk: { layout: { lengthBytes: WINDOW_BYTES, sectorBytes: 512, physicalSectorBytes: 512 } },
      regions: [{ startBytes: 0, lengthBytes: WINDOW_BYTES }],
    } as unknown as ManifestJson,
    served as unknown as UnpackedFrames,
  );
  const memory = Buffer.alloc(2 * CHUNK);
  await source.readInto(0, memory.subarray(0, CHUNK));
  expect(begun).toEqual([0]);
  expect(memory[CHUNK - 1]).toBe(7);
  await expect(source.readInto(0, memory)).rejects.toMatchObject({ code: 'CHUNK_MISSING' });
  expect(begun).toEqual([0]);
});
