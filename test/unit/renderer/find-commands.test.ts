/** The palette finds what is meant. */
import { describe, expect, it } from 'vitest';
import { findCommands } from '../../../src-renderer/app/find-commands.ts';

const all = ['Capture a disk', 'Go to Catalog', 'Réglages', 'Recapture', 'Debian 13 lab'].map((name) => ({ name }));
const found = (typed: string, most = 9) => findCommands(all, typed, most).map(({ name }) => name);

describe('findCommands', () => {
  it('has all words, in any order, whatever their case and accents', () => {
    expect(found('LAB deb')).toEqual(['Debian 13 lab']);
    expect(found('reglages')).toEqual(['Réglages']);
    expect(found('lab arch')).toEqual([]);
  });

  it('has beginnings of words first, and no more than are wanted', () => {
    expect(found('cap')).toEqual(['Capture a disk', 'Recapture']);
    expect(found('', 2)).toEqual(['Capture a disk', 'Go to Catalog']);
  });
});
