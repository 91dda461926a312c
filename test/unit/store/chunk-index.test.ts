import { expect, test } from 'vitest';
import { openDatabase } from '../../../src-engine/catalog/database.ts';
import { ChunkIndex } from '../../../src-engine/store/chunk-index.ts';
import { forgetCondemnedChunks, LiveChunks } from '../../../src-engine/store/live-chunks.ts';
import { packPath } from '../../../src-engine/store/pack-path.ts';
import type { WrittenPack } from '../../../src-engine/store/pack-writer.ts';
import { emptyStore, frameOf, sha256 } from '../../support/store.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const folder = temporaryFolder();
let count = 0;

function emptyIndex() {
  const layout = emptyStore(`${folder}/${count++}`);
  const db = openDatabase(layout.database);
  return { layout, db, index: new ChunkIndex(db, layout) };
}

const chunk = (name: string) => Buffer.from(`content of ${name}`);
const nameOf = (name: string) => sha256(chunk(name));

/** A pack as the writer tells of it; each list is a frame. */
function packOf(name: string, ...frames: string[][]): WrittenPack {
  let offset = 32;
  return {
    name,
    lengthBytes: 1000,
    frames: frames.map((chunks) => {
      const { codec, rawBytes, table, payload } = frameOf(chunks.map(chunk));
      const frame = { offset, codec, rawBytes, storedBytes: payload.length, payloadCrc: 0, headSum: 0, table };
      offset += 32 + table.length + payload.length;
      return frame;
    }),
  };
}

test('a chunk is found where its pack says, the second copy is not', () => {
  const { layout, index } = emptyIndex();
  index.addPack(packOf('p1', ['a', 'bb'], ['c']));
  index.addPack(packOf('p2', ['bb', 'd']));
  expect(index.find(nameOf('nothing'))).toBeNull();
  expect(index.place(nameOf('nothing'))).toBeNull();
  const found = index.place(nameOf('bb'))!;
  expect(found.chunk).toMatchObject({ offsetInFrame: chunk('a').length, lengthBytes: chunk('bb').length });
  expect(found.frame).toMatchObject({ packPath: packPath(layout, 'p1'), offset: 32, headBytes: 32 + 2 * 36 });
  expect(index.place(nameOf('d'))!.frame.packPath).toBe(packPath(layout, 'p2'));
  expect(index.storedBytes()).toBe(2000);
  expect([...index.frames()].map((frame) => frame.id)).toEqual([1, 2, 3]);
  expect([...index.frames('p2')].map((frame) => frame.id)).toEqual([3]);
  expect([...index.frames('p2')].map((frame) => frame.pack)).toEqual(['p2']);
});

test('frames are listed page by page', () => {
  const { index } = emptyIndex();
  const frames = Array.from({ length: 1500 }, (_, i) => [`chunk ${i}`]);
  index.addPack(packOf('p2', ...frames));
  index.addPack(packOf('p1', ['x']));
  const ids = [...index.frames()].map((frame) => frame.id);
  expect(ids).toEqual([1501, ...Array.from({ length: 1500 }, (_, i) => i + 1)]);
});

test('a pack that is already known is refused, and nothing of it is taken', () => {
  const { index } = emptyIndex();
  index.addPack(packOf('p1', ['a']));
  expect(() => index.addPack(packOf('p1', ['b']))).toThrow();
  expect(index.find(nameOf('b'))).toBeNull();
});

test('the chunks of a damaged frame are stored anew by who meets them next', () => {
  const { layout, index } = emptyIndex();
  index.addPack(packOf('p1', ['a', 'b'], ['c']));
  index.setAside(index.place(nameOf('a'))!.frame.id);
  expect(index.find(nameOf('a'))).toBeNull();
  expect(index.find(nameOf('b'))).toBeNull();
  expect(index.find(nameOf('c'))).not.toBeNull();
  index.addPack(packOf('p2', ['b']));
  expect(index.place(nameOf('b'))!.frame.packPath).toBe(packPath(layout, 'p2'));
});

test('a pack that is taken back is gone with its chunks, and its frames are never numbered so again', () => {
  const { index } = emptyIndex();
  index.addPack(packOf('p1', ['a']));
  index.addPack(packOf('p2', ['b']));
  const { id } = index.place(nameOf('b'))!.frame;
  index.removePack('p2');
  expect(index.find(nameOf('b'))).toBeNull();
  expect(index.frame(id)).toBeNull();
  expect(index.find(nameOf('a'))).not.toBeNull();
  expect(index.storedBytes()).toBe(1000);
  index.addPack(packOf('p3', ['b']));
  expect(index.place(nameOf('b'))!.frame.id).toBeGreaterThan(id);
});

test('what is alive, what moves and what goes in a prune', () => {
  const { layout, db, index } = emptyIndex();
  index.addPack(packOf('dead', ['x', 'y']));
  index.addPack(packOf('worn', ['a', 'b'], ['c', 'd']));
  index.addPack(packOf('whole', ['e']));
  const live = new LiveChunks(db);
  live.mark([nameOf('a'), nameOf('c'), nameOf('e'), nameOf('unknown')]);
  live.mark([nameOf('a')]);
  const size = (...names: string[]) => names.reduce((sum, name) => sum + chunk(name).length, 0);
  expect(live.packs()).toEqual([
    { name: 'dead', rawBytes: size('x', 'y'), liveRawBytes: 0 },
    { name: 'worn', rawBytes: size('a', 'b', 'c', 'd'), liveRawBytes: size('a', 'c') },
    { name: 'whole', rawBytes: size('e'), liveRawBytes: size('e') },
  ]);
  expect([...live.offsetsIn(index.place(nameOf('c'))!.frame.id)]).toEqual([0]);

  live.replace(packOf('new', ['a', 'c']));
  expect(index.place(nameOf('a'))!.frame.packPath).toBe(packPath(layout, 'new'));
  live.condemn(['dead', 'worn']);
  forgetCondemnedChunks(db);
  for (const name of ['x', 'y', 'b', 'd']) expect(index.find(nameOf(name))).toBeNull();
  for (const name of ['a', 'c', 'e']) expect(index.place(nameOf(name))).not.toBeNull();
  expect(live.condemned().sort()).toEqual(['dead', 'worn']);
  expect(index.packNames().sort()).toEqual(['dead', 'new', 'whole', 'worn']);
  expect(index.storedBytes()).toBe(2000);
  live.forgetPack('dead');
  expect(live.condemned()).toEqual(['worn']);
  live.close();
  live.close();
});
