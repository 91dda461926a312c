/** What jobs owe is never done for another machine than the one that was written down: a file of it that is damaged is told, and kept. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PledgeBook } from '../../src-engine/jobs/pledge-book.ts';
import { storeLayout } from '../../src-engine/store/store-layout.ts';
import { openEngine } from '../support/engine.ts';
import { workbench } from '../support/workbench.ts';

const bench = workbench();
const catalog = bench.path('catalog');
const folder = join(catalog, 'pledges');
const book = new PledgeBook(storeLayout(catalog), { own: () => '', isHeld: () => true });

test('any bit of a pledge that flips: it is what it was, or damaged', async () => {
  await (await openEngine(catalog)).close();
  const id = await book.give({
    kind: 'start-machine',
    place: 'libvirt:web',
    id: 'f4e3a2b1-0000-4000-8000-123456789abc',
  });
  const path = join(folder, readdirSync(folder)[0]);
  const bytes = readFileSync(path);
  const [given] = await book.all();
  expect(given.pledge).toMatchObject({ kind: 'start-machine', place: 'libvirt:web' });
  let damaged = 0;
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] ^= 1 << (bit & 7);
    writeFileSync(path, flipped);
    const [found, ...others] = await book.all();
    expect(others).toEqual([]);
    if (found.pledge.kind === 'damaged') damaged++;
    else expect(found).toEqual(given);
    expect(found.id).toBe(id);
  }
  expect(damaged).toBeGreaterThan(8 * bytes.length - 10);

  // as earlier versions wrote it
  writeFileSync(path, bytes.toString().split('\n')[0]);
  expect(await book.all()).toEqual([given]);
  // bytes that are no text at all
  bytes[20] = 0xff;
  writeFileSync(path, bytes);
  const engine = await openEngine(catalog);
  const told = await engine.client.call('pledge.list', {});
  expect(told).toMatchObject([{ id, kind: 'unknown', error: { code: 'PLEDGE_DAMAGED' } }]);
  expect(readdirSync(folder)).toHaveLength(1);
  await engine.client.call('pledge.drop', { id });
  expect(await engine.client.call('pledge.list', {})).toEqual([]);
  await engine.close();
});
