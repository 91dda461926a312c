/** Packs, frames and manifests made by the store itself, for tests of what reads them. */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { encodeFrame, storedFrame } from '../../src-engine/store/frame-codec.ts';
import type { WindowRecord } from '../../src-engine/store/manifest-format.ts';
import { ManifestWriter } from '../../src-engine/store/manifest-writer.ts';
import { CHUNK_ENTRY_BYTES, HASH_BYTES, type Frame } from '../../src-engine/store/pack-format.ts';
import { PackWriter, type WrittenPack } from '../../src-engine/store/pack-writer.ts';
import { storeLayout, type StoreLayout } from '../../src-engine/store/store-layout.ts';

/** An empty store in a folder that need not exist. */
export function emptyStore(root: string): StoreLayout {
  const layout = storeLayout(root);
  for (const folder of [root, layout.packs, layout.manifests, layout.scratch]) mkdirSync(folder, { recursive: true });
  return layout;
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();

export function frameOf(chunks: readonly Uint8Array[], compressed = true): Frame {
  const table = Buffer.alloc(chunks.length * CHUNK_ENTRY_BYTES);
  chunks.forEach((chunk, i) => {
    table.set(sha256(chunk), i * CHUNK_ENTRY_BYTES);
    table.writeUInt32LE(chunk.length, i * CHUNK_ENTRY_BYTES + HASH_BYTES);
  });
  const bytes = Buffer.concat(chunks);
  return compressed ? encodeFrame(bytes, Uint8Array.from(table), 3) : storedFrame(bytes, Uint8Array.from(table));
}

export async function writePack(layout: StoreLayout, frames: readonly Frame[]): Promise<WrittenPack> {
  const writer = await PackWriter.create(layout);
  for (const frame of frames) await writer.append(frame);
  return writer.finish();
}

/** A window whose used runs are one chunk each. */
export function recordOf(
  region: number,
  window: number,
  runs: readonly [start: number, length: number][],
): WindowRecord {
  return {
    region,
    window,
    extents: Uint32Array.from(runs.flat()),
    lengths: Uint32Array.from(runs.map(([, length]) => length)),
    hashes: Buffer.concat(runs.map(([start]) => sha256(Buffer.from(`${region} ${window} ${start}`)))),
  };
}

export async function writeManifest(
  layout: StoreLayout,
  name: string,
  records: readonly WindowRecord[],
  json: unknown,
): Promise<void> {
  const writer = await ManifestWriter.create(layout, name);
  for (const record of records) await writer.add(record);
  await writer.finish(json);
}
