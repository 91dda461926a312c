/** Packs that two captures build on: neither takes away what the other needs. */
import { expect, test } from 'vitest';
import { UnfinishedPacks } from '../../../src-engine/store/unfinished-packs.ts';

const [a, b, c] = [{}, {}, {}];

test('what nobody else holds goes with its maker', () => {
  const packs = new UnfinishedPacks();
  packs.add('p1', a);
  packs.add('p2', a);
  packs.add('q', b);
  expect(packs.giveUp(a)).toEqual(['p1', 'p2']);
  expect(packs.giveUp(a)).toEqual([]);
  expect(packs.giveUp(b)).toEqual(['q']);
});

test('what another has built on stays until that one gives up too', () => {
  const packs = new UnfinishedPacks();
  packs.add('p', a);
  packs.hold('p', b);
  packs.hold('p', c);
  expect(packs.giveUp(a)).toEqual([]);
  expect(packs.giveUp(b)).toEqual([]);
  expect(packs.giveUp(c)).toEqual(['p']);
});

test('what a version needs stays for good, whoever made it and whoever gives up later', () => {
  const packs = new UnfinishedPacks();
  packs.add('p', a);
  packs.hold('p', b);
  packs.add('own', b);
  packs.keep(b);
  expect(packs.giveUp(a)).toEqual([]);
  // a pack that is there for good has no holders
  packs.hold('p', c);
  expect(packs.giveUp(c)).toEqual([]);
});
