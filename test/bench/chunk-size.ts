/**
 * Which average chunk size serves best: cuts the used blocks of disk images at several sizes, as the store does, and adds up what
 * each image would add to a store that holds the ones before it.
 *
 *   node test/bench/chunk-size.ts IMAGE…        the figures in src-engine/store/FORMAT.md come from this
 */
import { hash } from 'node:crypto';
import { crc32, constants, zstdCompressSync } from 'node:zlib';
import { inspectDisk } from '../../src-engine/inspection/disk-inspection.ts';
import { regionsOf, usedWindows } from '../../src-engine/versions/regions.ts';
import { openFileSource } from '../../src-engine/formats/raw/file-source.ts';
import { LOOK_BYTES, WINDOW_BYTES } from '../../src-engine/store/chunking.ts';

const FRAME_BYTES = 4 * 1024 * 1024;
const UNIT_BYTES = 4096;
/** minimum, mask of the cut, maximum */
const SIZES = [
  { name: '20 KiB', min: 8, mask: 0x03, max: 128 },
  { name: '48 KiB', min: 16, mask: 0x07, max: 256 },
  { name: '80 KiB', min: 16, mask: 0x0f, max: 256 },
  { name: '160 KiB', min: 32, mask: 0x1f, max: 512 },
  { name: '320 KiB', min: 64, mask: 0x3f, max: 1024 },
  { name: '1 MiB, not cut by content', min: 1024, mask: 0, max: 1024 },
];

/** How many bytes the chunks of {@link ALONE} take when each is compressed by itself. */
let aloneBytes = 0;
const ALONE = '48 KiB';
const LEVEL = { [constants.ZSTD_c_compressionLevel]: 3 };

const stores = SIZES.map(() => ({
  known: new Set<string>(),
  frame: [] as Buffer[],
  frameBytes: 0,
  stored: 0,
  chunks: 0,
}));
const signal = new AbortController().signal;

function flush(store: (typeof stores)[number]): void {
  if (store.frameBytes === 0) return;
  store.stored += zstdCompressSync(Buffer.concat(store.frame), {
    params: { ...LEVEL, [constants.ZSTD_c_windowLog]: 22 },
  }).length;
  store.frame = [];
  store.frameBytes = 0;
}

for (const path of process.argv.slice(2)) {
  const source = await openFileSource(path);
  const disk = await inspectDisk(source, signal);
  const regions = regionsOf(disk);
  const before = stores.map((store) => store.stored);
  const nothingOutside = { knownIn: () => [], readIn: () => [] };
  for await (const { region, window, extents } of usedWindows(disk, nothingOutside, signal)) {
    const units: Buffer[] = [];
    for (let e = 0; e < extents.length; e += 2) {
      const run = Buffer.alloc(extents[e + 1]);
      await source.readInto(regions[region].startBytes + window * WINDOW_BYTES + extents[e], run);
      for (let at = 0; at < run.length; at += UNIT_BYTES) units.push(run.subarray(at, at + UNIT_BYTES));
    }
    const sums = units.map((unit) => crc32(unit.subarray(0, LOOK_BYTES)));
    SIZES.forEach(({ name: size, min, mask, max }, s) => {
      const store = stores[s];
      let open: Buffer[] = [];
      let bytes = 0;
      const close = () => {
        const chunk = Buffer.concat(open);
        const name = hash('sha256', chunk);
        open = [];
        bytes = 0;
        store.chunks++;
        if (store.known.has(name)) return;
        store.known.add(name);
        if (size === ALONE) aloneBytes += Math.min(chunk.length, zstdCompressSync(chunk, { params: LEVEL }).length);
        store.frame.push(chunk);
        store.frameBytes += chunk.length;
        if (store.frameBytes >= FRAME_BYTES) flush(store);
      };
      units.forEach((unit, i) => {
        open.push(unit);
        bytes += unit.length;
        if (bytes >= max * 1024 || (bytes >= min * 1024 && (sums[i] & mask) === 0)) close();
      });
      if (bytes > 0) close();
    });
  }
  stores.forEach(flush);
  await source.close();
  console.log(path);
  SIZES.forEach(({ name }, s) =>
    console.log(
      `  ${name.padEnd(28)} ${((stores[s].stored - before[s]) / 1e6).toFixed(1)} MB added, ${stores[s].chunks} chunks so far`,
    ),
  );
}
console.log(`chunks of ${ALONE} compressed one by one, all images: ${(aloneBytes / 1e6).toFixed(1)} MB`);
