/** Texts are read again only where they changed. */
import { expect, test } from 'vitest';
import { keptReadings } from '../../../src-engine/core/kept-readings.ts';

test('a text that is the same is read once, another one at once', () => {
  const read: string[] = [];
  const valueOf = keptReadings((text, key) => {
    read.push(text);
    return { text, key };
  });
  const first = valueOf('rules', 'a.yaml');
  expect(valueOf('rules', 'a.yaml')).toBe(first);
  // the same text in another file is another reading
  expect(valueOf('rules', 'b.yaml')).toEqual({ text: 'rules', key: 'b.yaml' });
  expect(valueOf('other rules', 'a.yaml')).toEqual({ text: 'other rules', key: 'a.yaml' });
  expect(valueOf('rules', 'a.yaml')).toEqual(first);
  expect(read).toEqual(['rules', 'rules', 'other rules', 'rules']);
});

test('what could not be read is read again', () => {
  let isBroken = true;
  const valueOf = keptReadings((text) => {
    if (isBroken) throw new Error('broken');
    return text;
  });
  expect(() => valueOf('text', 'a')).toThrow('broken');
  isBroken = false;
  expect(valueOf('text', 'a')).toBe('text');
});

test('of many files those are kept that were read last', () => {
  let reads = 0;
  const valueOf = keptReadings((text) => {
    reads++;
    return text;
  });
  for (let i = 0; i < 65; i++) valueOf('text', String(i));
  valueOf('text', '64');
  expect(reads).toBe(65);
  valueOf('text', '0');
  expect(reads).toBe(66);
});
