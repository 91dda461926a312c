/** First file systems of a template are looked into once for all of its targets. */
import { expect, test } from 'vitest';
import { IdForms } from '../../../src-engine/identifiers/forms.ts';
import type { InitramfsSearch } from '../../../src-engine/identifiers/initramfs.ts';
import { KnownSearches } from '../../../src-engine/identifiers/known-searches.ts';

const FOUND: InitramfsSearch = { found: new Set([0]), files: [], canOverride: true, isWhole: true };
const BEFORE = '8cefbbda-18fb-442b-9190-f55be6470f8b';

const formsOf = (before: string, after: string, format: 'uuid' | 'group-name' = 'uuid') =>
  new IdForms([{ format, before, after }]);
const first = formsOf(BEFORE, '2a4da329-3909-4806-96da-397d2856503b');
const second = formsOf(BEFORE, '9572274e-be0d-4ca2-b6bb-ec33e30fe9b1');

/** @returns how often it was looked for */
async function searches(
  asked: readonly (readonly [manifest: string, place: string, forms: IdForms])[],
  found: InitramfsSearch | null = FOUND,
): Promise<number> {
  const known = new KnownSearches();
  let count = 0;
  for (const [manifest, place, forms] of asked) {
    const search = async () => {
      count++;
      return found;
    };
    expect(await known.of(manifest).of(place, forms, search)).toEqual(found);
  }
  return count;
}

test('another target of the same template, which gets other identifiers, is not searched again', async () => {
  expect(
    await searches([
      ['manifest', '1 /boot/initrd', first],
      ['manifest', '1 /boot/initrd', second],
    ]),
  ).toBe(1);
});

test.each([
  ['disk', ['other manifest', '1 /boot/initrd', first]],
  ['file', ['manifest', '1 /boot/other', first]],
  ['identifier', ['manifest', '1 /boot/initrd', formsOf('35fc7a67-4a3b-4f3c-8e9f-1a0a1d6f5b11', BEFORE)]],
] as const)('another %s is', async (_, other) => {
  expect(await searches([['manifest', '1 /boot/initrd', first], other])).toBe(2);
});

test('names of groups are longer or shorter by what they become', async () => {
  const named = (after: string) => ['manifest', '1 /boot/initrd', formsOf('vg', after, 'group-name')] as const;
  expect(await searches([named('lab'), named('laboratory')])).toBe(2);
});

test.each([
  ['could not be read as a whole', { ...FOUND, isWhole: false }],
  ['is none', null],
  ['names them in more than is kept', { ...FOUND, files: Array(5).fill({ bytes: Buffer.alloc(256 * 1024) }) }],
])('what %s is looked into again', async (_, found) => {
  const one = ['manifest', '1 /boot/initrd', first] as const;
  expect(await searches([one, one], found as InitramfsSearch | null)).toBe(2);
});
