/** A pack is read back while the next one is written: what the medium has changed ends a capture then, and not hours later. */
import { randomFillSync } from 'node:crypto';
import { closeSync, existsSync, openSync, readdirSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { openDatabase } from '../../src-engine/catalog/database.ts';
import { quietContext } from '../../src-engine/core/job-context.ts';
import { ChunkIndex } from '../../src-engine/store/chunk-index.ts';
import { PACK_TARGET_BYTES } from '../../src-engine/store/pack-writer.ts';
import { Presses } from '../../src-engine/store/press-pool.ts';
import { StoreWriter } from '../../src-engine/store/store-writer.ts';
import { PackProofs } from '../../src-engine/storing/pack-proofs.ts';
import { pressUrl } from '../support/catalog-handle.ts';
import { emptyStore } from '../support/store.ts';
import { MIB, workbench } from '../support/workbench.ts';

const bench = workbench();
const presses = new Presses(pressUrl);
afterAll(() => presses.close());
let count = 0;

/** Changes a few bytes of a file, as a medium does. */
function spoil(path: string, offset: number) {
  const fd = openSync(path, 'r+');
  writeSync(fd, 'not what was written', offset);
  closeSync(fd);
}

function capture() {
  const layout = emptyStore(bench.path(`store ${count++}`));
  const pool = presses.forJob(new AbortController().signal);
  const writer = new StoreWriter(layout, new ChunkIndex(openDatabase(layout.database), layout), pool, 1);
  const proofs = new PackProofs(pool, (pack) => writer.framesOf(pack));
  writer.onPack = (pack) => proofs.add(pack);
  let order = 0;
  /** Random bytes, which no compression makes shorter. */
  const add = async (lengthBytes: number) => {
    for (let done = 0; done < lengthBytes; done += 4 * MIB) {
      const memory = await pool.takeWindow();
      randomFillSync(Buffer.from(memory, 0, 4 * MIB));
      await writer.add(order, 0, order, memory, Uint32Array.of(0, 4 * MIB), 4096);
      order++;
      pool.releaseWindow(memory);
    }
  };
  const firstPack = () => {
    const found = existsSync(layout.packs)
      ? readdirSync(layout.packs, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('.dpk'))
      : undefined;
    return found && join(layout.packs, found);
  };
  return { layout, pool, writer, proofs, add, firstPack };
}

test('a damaged pack ends a capture that is still under way', async () => {
  const { pool, writer, add, firstPack } = capture();
  await writer.beginDisk('one');
  await add(PACK_TARGET_BYTES);
  while (!firstPack()) await add(4 * MIB);
  // somewhere in its last frame, which is read last
  const pack = firstPack()!;
  spoil(pack, statSync(pack).size - MIB);
  const goOn = async () => {
    for (let tries = 0; tries < 200; tries++) {
      await add(4 * MIB);
      await sleep(20);
    }
  };
  await expect(goOn()).rejects.toMatchObject({ code: 'PACK_DAMAGED' });
  await writer.discard();
  await pool.close();
});

test('damage in the first frames of the last pack is found, though all that is left is to name the version', async () => {
  const { layout, pool, writer, proofs, add } = capture();
  await writer.beginDisk('small');
  await add(64 * MIB);
  const scratch = () => readdirSync(layout.scratch).filter((name) => name.endsWith('.pack'));
  const lengthOf = (name: string) => statSync(join(layout.scratch, name)).size;
  while (!scratch().some((name) => lengthOf(name) > 8 * MIB)) await sleep(10);
  spoil(join(layout.scratch, scratch()[0]), 200_000);
  const end = async () => {
    await writer.finish(() => [{}]);
    // what was read back by then has been told to nobody
    await sleep(200);
    await proofs.finish(writer.addedBytes, quietContext());
  };
  await expect(end()).rejects.toMatchObject({ code: 'PACK_DAMAGED' });
  await writer.discard();
  await pool.close();
});

test('what is left at the end is read back then: all of it, once', async () => {
  const { pool, writer, proofs, add } = capture();
  await writer.beginDisk('two');
  await add(PACK_TARGET_BYTES + 64 * MIB);
  await writer.finish(() => [{}]);
  let provenBytes = 0;
  let toCome = -1;
  await proofs.finish(writer.addedBytes, {
    ...quietContext(),
    phase: (_, totalBytes) => void (toCome = totalBytes),
    advance: (bytes) => void (provenBytes += bytes),
  });
  expect(provenBytes).toBe(toCome);
  expect(provenBytes).toBeLessThan(writer.addedBytes);
  await pool.close();
});
