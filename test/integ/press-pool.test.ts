/** The presses of an engine, shared by jobs: what one does, or what becomes of it, is no matter of the others. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import type { Frame } from '../../src-engine/store/pack-format.ts';
import { quietContext } from '../../src-engine/core/job-context.ts';
import { packPath } from '../../src-engine/store/pack-path.ts';
import { Presses, type PressPool } from '../../src-engine/store/press-pool.ts';
import { pressUrl } from '../support/catalog-handle.ts';
import { noise } from '../support/disks.ts';
import { emptyStore, frameOf, sha256, writePack } from '../support/store.ts';
import { MIB, workbench } from '../support/workbench.ts';
import { recheckPack } from '../../src-engine/versions/recheck-frames.ts';

const bench = workbench();

const presses = new Presses(pressUrl);
afterAll(() => presses.close());

const job = () => {
  const abort = new AbortController();
  const pool = presses.forJob(abort.signal);
  const frames: Frame[] = [];
  pool.onLeftover = (finished) => void frames.push(...finished);
  return { abort, pool, frames };
};

/** Cuts and keeps a window of noise on one thread. @returns the hashes of its chunks */
async function press(
  pool: PressPool,
  frames: Frame[],
  thread: number,
  window: number,
  seed: string,
): Promise<string[]> {
  const memory = await pool.takeWindow();
  Buffer.from(memory).set(noise(seed, MIB));
  const extents = Uint32Array.of(0, MIB);
  const { result } = await pool.request(thread, { kind: 'cut', window, memory, extents, unitBytes: 4096 });
  const wanted = new Uint8Array(result.lengths.length).fill(1);
  frames.push(...(await pool.request(thread, { kind: 'keep', window, wanted, level: 3 })).frames);
  pool.releaseWindow(memory);
  return Array.from(result.lengths, (_, i) => Buffer.from(result.hashes.subarray(32 * i, 32 * i + 32)).toString('hex'));
}

const hashesIn = (frames: readonly Frame[]) =>
  frames.flatMap(({ table }) =>
    Array.from({ length: table.length / 36 }, (_, i) =>
      Buffer.from(table.subarray(36 * i, 36 * i + 32)).toString('hex'),
    ),
  );

test('two jobs in one press, with windows of the same numbers: each gets its own chunks, all of them, and no others', async () => {
  const [a, b] = [job(), job()];
  const [ofA, ofB]: [string[], string[]] = [[], []];
  for (let window = 0; window < 4; window++) {
    const both = await Promise.all([
      press(a.pool, a.frames, 0, window, `a ${window}`),
      press(b.pool, b.frames, 0, window, `b ${window}`),
    ]);
    ofA.push(...both[0]);
    ofB.push(...both[1]);
  }
  for (const one of [a, b]) one.frames.push(...(await one.pool.request(0, { kind: 'flush', level: 3 })).frames);
  expect(hashesIn(a.frames).sort()).toEqual(ofA.sort());
  expect(hashesIn(b.frames).sort()).toEqual(ofB.sort());
  // and the bytes are what the names say
  const stored = [...a.frames, ...b.frames].filter(({ codec }) => codec === 0);
  expect(stored.length).toBeGreaterThan(0);
  for (const { table, payload } of stored) {
    const view = Buffer.from(table);
    for (let at = 0, offset = 0; at < view.length; at += 36) {
      const length = view.readUInt32LE(at + 32);
      expect(sha256(payload.subarray(offset, offset + length)).equals(view.subarray(at, at + 32))).toBe(true);
      offset += length;
    }
  }
  await a.pool.close();
  await b.pool.close();
});

test('a job that is cancelled is told at once, and leaves nothing in the press of another', async () => {
  const [a, b] = [job(), job()];
  await press(a.pool, a.frames, 0, 0, 'left behind');
  const asked = a.pool.request(0, { kind: 'flush', level: 19 });
  a.abort.abort();
  await expect(asked).rejects.toThrow(expect.objectContaining({ code: 'ABORTED' }));
  await expect(a.pool.takeWindow()).rejects.toThrow();
  await a.pool.close();
  const own = await press(b.pool, b.frames, 0, 0, 'of b');
  b.frames.push(...(await b.pool.request(0, { kind: 'flush', level: 3 })).frames);
  expect(hashesIn(b.frames).sort()).toEqual(own.sort());
  await b.pool.close();
});

test('windows that a job did not give back are there again when it is closed', async () => {
  const a = job();
  const held: SharedArrayBuffer[] = [];
  for (let i = 0; i < 4; i++) held.push(await a.pool.takeWindow());
  await a.pool.close();
  const b = job();
  for (let i = 0; i < 8; i++) await b.pool.takeWindow();
  await b.pool.close();
});

test('a press that dies ends who had something in it, and is replaced for the others', async () => {
  const dies = `import { parentPort } from 'node:worker_threads';
    parentPort.on('message', ({ id, request }) =>
      request.kind === 'flush' ? process.exit(1) : parentPort.postMessage({ id, reply: { kind: 'done', frames: [] } }));`;
  const mortal = new Presses(new URL(`data:text/javascript,${encodeURIComponent(dies)}`));
  const [a, b] = [mortal.forJob(new AbortController().signal), mortal.forJob(new AbortController().signal)];
  const keep = { kind: 'keep', window: 0, wanted: new Uint8Array(), level: 3 } as const;
  await a.request(0, keep);
  const ended = expect.objectContaining({ code: 'INTERNAL', data: { reason: 'press thread ended' } });
  await expect(a.request(0, { kind: 'flush', level: 3 })).rejects.toThrow(ended);
  await expect(a.request(0, keep)).rejects.toThrow(ended);
  expect(await b.request(0, keep)).toEqual({ kind: 'done', frames: [] });
  await mortal.close();
});

test('a job reads packs as they are when it begins, whatever another still has open', async () => {
  const layout = emptyStore(bench.path('store'));
  const { name, frames } = await writePack(layout, [frameOf([noise('sound', 8192)])]);
  const path = packPath(layout, name);
  const place = { packPath: path, offset: frames[0].offset, headBytes: 32 + 36, storedBytes: frames[0].storedBytes };
  const a = job();
  await a.pool.request(0, { kind: 'audit', place, from: 'medium' });
  const damaged = readFileSync(path);
  damaged[place.offset + place.headBytes + 100] ^= 1;
  writeFileSync(`${path}.other`, damaged);
  renameSync(`${path}.other`, path);
  const b = job();
  await expect(b.pool.request(0, { kind: 'audit', place, from: 'medium' })).rejects.toThrow(
    expect.objectContaining({ code: 'PACK_DAMAGED' }),
  );
  await a.pool.close();
  await b.pool.close();
});

test('a pack that was just written is read back: any frame that is not what was made is found, whatever its own checksums say', async () => {
  const layout = emptyStore(bench.path('rechecked'));
  const { signal } = quietContext();
  const { pool } = job();
  const frames = Array.from({ length: 20 }, (_, i) => frameOf([noise(`made ${i}`, 30_000)], i % 2 === 0));
  const pack = await writePack(layout, frames);
  const path = packPath(layout, pack.name);
  await recheckPack(pool, layout, pack, signal);
  // the same pack with one frame that is another, and just as sound
  const other = await writePack(layout, frames.with(7, frameOf([noise('not made', 30_000)], false)));
  expect(other.lengthBytes).toBe(pack.lengthBytes);
  writeFileSync(path, readFileSync(packPath(layout, other.name)));
  const { offset } = pack.frames[7];
  await expect(recheckPack(pool, layout, pack, signal)).rejects.toMatchObject({
    code: 'PACK_DAMAGED',
    data: { path, offsetBytes: offset },
  });
  await recheckPack(pool, layout, { ...other, name: pack.name }, signal);
  await pool.close();
});
