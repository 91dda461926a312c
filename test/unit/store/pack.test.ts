/** Frames and packs: what is written is read, and no bit of a frame can change unnoticed. */
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { decodeFramePayload } from '../../../src-engine/store/frame-codec.ts';
import { FrameReader, type FramePlace } from '../../../src-engine/store/frame-reader.ts';
import {
  CODEC_STORED,
  CODEC_ZSTD,
  decodeFrameHead,
  decodeFrameTable,
  encodeFrameHead,
  frameHeader,
  MAX_FRAME_CHUNKS,
  MAX_FRAME_RAW_BYTES,
  packEnd,
  packHeader,
} from '../../../src-engine/store/pack-format.ts';
import { packFiles, packPath } from '../../../src-engine/store/pack-path.ts';
import { scanPack } from '../../../src-engine/store/pack-scanner.ts';
import { PackWriter, type WrittenFrame } from '../../../src-engine/store/pack-writer.ts';
import { noise } from '../../support/disks.ts';
import { emptyStore, frameOf, sha256, writePack } from '../../support/store.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const layout = emptyStore(temporaryFolder());
const signal = new AbortController().signal;
const text = (length: number) => Buffer.alloc(length, 'a text that can be compressed ');

const placeOf = (path: string, frame: WrittenFrame): FramePlace => ({
  packPath: path,
  offset: frame.offset,
  headBytes: frameHeader.size + frame.table.length,
  storedBytes: frame.storedBytes,
});
const codeOf = (work: () => unknown) => {
  try {
    work();
    return 'nothing';
  } catch (error) {
    return error instanceof EngineError ? error.code : error;
  }
};

test.each([
  ['text', [text(70_000), text(1)], CODEC_ZSTD],
  ['noise, which does not shrink', [noise('a', 20_000), noise('b', 512)], CODEC_STORED],
  ['a single byte', [Buffer.of(7)], CODEC_STORED],
  ['forty bytes', [Buffer.alloc(40, 'x')], CODEC_ZSTD],
])('a frame of %s', async (_, chunks, codec) => {
  const frame = frameOf(chunks);
  expect(frame.codec).toBe(codec);
  const pack = await writePack(layout, [frame]);
  const reader = new FrameReader();
  const { bytes, chunks: found } = reader.readWhole(placeOf(packPath(layout, pack.name), pack.frames[0]));
  expect(bytes.equals(Buffer.concat(chunks))).toBe(true);
  expect(found.map((chunk) => chunk.hash.toString('hex'))).toEqual(
    chunks.map((chunk) => sha256(chunk).toString('hex')),
  );
  expect(found.map((chunk) => chunk.lengthBytes)).toEqual(chunks.map((chunk) => chunk.length));
  reader.close();
});

test('many frames, read in any order, from the cache too', async () => {
  const contents = Array.from({ length: 12 }, (_, i) => noise(`frame ${i}`, 3000 + i));
  const pack = await writePack(
    layout,
    contents.map((bytes, i) => frameOf([bytes], i % 2 === 0)),
  );
  expect(pack.lengthBytes).toBe(readFileSync(packPath(layout, pack.name)).length);
  const reader = new FrameReader();
  for (const i of [11, 0, 5, 5, 3, 7, 8, 9, 0, 11]) {
    expect(reader.read(placeOf(packPath(layout, pack.name), pack.frames[i])).equals(contents[i])).toBe(true);
  }
  reader.close();
});

test('a scan finds what was written', async () => {
  const pack = await writePack(layout, [frameOf([text(5000)]), frameOf([noise('x', 3000), text(70)])]);
  expect(await scanPack(packPath(layout, pack.name), pack.name, signal)).toEqual({
    ...pack,
    skippedBytes: 0,
    unread: null,
  });
  expect((await packFiles(layout)).map(({ name }) => name)).toContain(pack.name);
});

test('every bit of a frame is under a checksum, but for the four reserved bytes', async () => {
  const pack = await writePack(layout, [frameOf([text(200)]), frameOf([text(300), noise('bits', 60)])]);
  const path = packPath(layout, pack.name);
  const sound = readFileSync(path);
  const place = placeOf(path, pack.frames[1]);
  const undetected = new Set<number>();
  for (let at = place.offset; at < place.offset + place.headBytes + place.storedBytes; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const damaged = Buffer.from(sound);
      damaged[at] ^= 1 << bit;
      writeFileSync(path, damaged);
      const reader = new FrameReader();
      const code = codeOf(() => reader.readWhole(place));
      reader.close();
      if (code === 'nothing') undetected.add(at - place.offset);
      else expect(code).toBe('PACK_DAMAGED');
    }
  }
  expect([...undetected]).toEqual([28, 29, 30, 31]);
});

test('a frame on the medium is compared with what it was when it was made', async () => {
  const [made, other] = [frameOf([text(90_000)]), frameOf([text(89_999), noise('x', 1)])];
  const pack = await writePack(layout, [frameOf([text(200)]), made]);
  const path = packPath(layout, pack.name);
  const place = placeOf(path, pack.frames[1]);
  const { headSum } = pack.frames[1];
  const reader = new FrameReader();
  const compared = () => codeOf(() => reader.compareStored(place, headSum));
  expect(compared()).toBe('nothing');

  const sound = readFileSync(path);
  for (const at of [place.offset + 12, place.offset + 40, place.offset + place.headBytes, pack.lengthBytes - 17]) {
    const damaged = Buffer.from(sound);
    damaged[at] ^= 1;
    writeFileSync(path, damaged);
    expect(compared()).toBe('PACK_DAMAGED');
  }
  // all checksums on the medium agree with each other, but it is another frame
  const otherPack = await writePack(layout, [frameOf([text(200)]), other]);
  expect(
    codeOf(() => reader.compareStored(placeOf(packPath(layout, otherPack.name), otherPack.frames[1]), headSum)),
  ).toBe('PACK_DAMAGED');
  writeFileSync(path, sound);
  expect(compared()).toBe('nothing');
  truncateSync(path, place.offset + place.headBytes + place.storedBytes - 1);
  expect(compared()).toBe('PACK_DAMAGED');
  reader.close();
});

test('a scan skips a damaged frame and finds the others; a damaged header of the pack does not matter', async () => {
  const frames = [frameOf([noise('1', 5000)]), frameOf([noise('2', 5000)]), frameOf([noise('3', 5000)])];
  const pack = await writePack(layout, frames);
  const path = packPath(layout, pack.name);
  const bytes = readFileSync(path);
  bytes.fill(0, 0, packHeader.size);
  bytes[pack.frames[1].offset + frameHeader.size + 3] ^= 1;
  writeFileSync(path, bytes);
  const scanned = await scanPack(path, pack.name, signal);
  expect(scanned.frames).toEqual([pack.frames[0], pack.frames[2]]);
  expect(scanned.skippedBytes).toBe(pack.frames[2].offset - pack.frames[1].offset);
});

test('a scan of what was cut off ends with the last whole frame', async () => {
  const pack = await writePack(layout, [frameOf([noise('1', 5000)]), frameOf([noise('2', 5000)])]);
  const path = packPath(layout, pack.name);
  truncateSync(path, pack.lengthBytes - packEnd.size - 1);
  const scanned = await scanPack(path, pack.name, signal);
  expect(scanned.frames).toEqual([pack.frames[0]]);
  expect(scanned.skippedBytes).toBeGreaterThan(5000);
});

test('a scan finds a head that lies across two of its pieces', async () => {
  const pack = await writePack(layout, [frameOf([noise('far', 5000)])]);
  const bytes = readFileSync(packPath(layout, pack.name)).subarray(packHeader.size);
  for (const distance of [-3, -2, -1, 0, 1]) {
    const path = packPath(layout, pack.name);
    writeFileSync(path, Buffer.concat([Buffer.alloc(packHeader.size + 1 + 1024 * 1024 + distance, 0x44), bytes]));
    expect((await scanPack(path, pack.name, signal)).frames).toHaveLength(1);
  }
});

test('a scan can be stopped', async () => {
  const pack = await writePack(layout, [frameOf([text(100)])]);
  await expect(scanPack(packPath(layout, pack.name), pack.name, AbortSignal.abort())).rejects.toThrow('abort');
});

test('a pack that is given up leaves no file; one that is not finished is not among the packs', async () => {
  const before = await packFiles(layout);
  const writer = await PackWriter.create(layout);
  await writer.append(frameOf([text(100)]));
  expect(readdirSync(layout.scratch)).toHaveLength(1);
  expect(await packFiles(layout)).toEqual(before);
  await writer.discard();
  expect(readdirSync(layout.scratch)).toEqual([]);
  expect(existsSync(packPath(layout, writer.name))).toBe(false);
});

test.each<[string, Partial<Parameters<typeof frameHeader.write>[1]>]>([
  ['magic', { magic: 1 }],
  ['codec', { codec: 2 }],
  ['version', { version: 2 }],
  ['no chunks', { chunkCount: 0 }],
  ['too many chunks', { chunkCount: MAX_FRAME_CHUNKS + 1 }],
  ['2^32 - 1 chunks', { chunkCount: 0xffffffff }],
  ['no bytes', { rawBytes: 0 }],
  ['too many bytes', { rawBytes: MAX_FRAME_RAW_BYTES + 1 }],
  ['4 GiB - 1', { rawBytes: 0xffffffff }],
  ['nothing stored', { storedBytes: 0 }],
  ['4 GiB - 1 stored', { storedBytes: 0xffffffff }],
])('a head that lies about its %s', (_, lie) => {
  const head = encodeFrameHead(frameOf([text(100)]));
  frameHeader.write(head, lie);
  expect(codeOf(() => decodeFrameHead(head))).toBe('FORMAT_INVALID');
});

test('a table whose lengths do not add up, under a good checksum', () => {
  for (const [first, second] of [
    [0, 200],
    [100, 99],
    [100, 101],
    [0xffffffff, 1],
  ]) {
    const frame = frameOf([noise('a', 100), noise('b', 100)]);
    const table = Buffer.from(frame.table);
    table.writeUInt32LE(first, 32);
    table.writeUInt32LE(second, 36 + 32);
    expect(codeOf(() => decodeFrameTable(encodeFrameHead({ ...frame, table })))).toBe('FORMAT_INVALID');
  }
});

test('a payload that unpacks to more or less than it says, under a good checksum', () => {
  const { payload } = frameOf([text(10_000)]);
  for (const rawBytes of [1, 64, 9999, 10_001, MAX_FRAME_RAW_BYTES]) {
    const head = { codec: CODEC_ZSTD, rawBytes, payloadCrc: crc32(payload) };
    expect(codeOf(() => decodeFramePayload(head, Buffer.from(payload)))).toBe('FORMAT_INVALID');
  }
  const stored = { codec: CODEC_STORED, rawBytes: 10_000, payloadCrc: crc32(payload) };
  expect(codeOf(() => decodeFramePayload(stored, Buffer.from(payload)))).toBe('FORMAT_INVALID');
});

test('a pack that is gone is a missing chunk; an index that speaks of more than there is is damage', async () => {
  const pack = await writePack(layout, [frameOf([text(100)])]);
  const path = packPath(layout, pack.name);
  const place = placeOf(path, pack.frames[0]);
  const reader = new FrameReader();
  expect(codeOf(() => reader.read({ ...place, packPath: `${path}.gone` }))).toBe('CHUNK_MISSING');
  expect(codeOf(() => reader.read({ ...place, offset: 1_000_000 }))).toBe('PACK_DAMAGED');
  expect(codeOf(() => reader.read({ ...place, storedBytes: place.storedBytes + 1 }))).toBe('PACK_DAMAGED');
  reader.close();
});
