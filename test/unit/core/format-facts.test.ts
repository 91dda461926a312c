/** Contents that contradict themselves: every place that finds them says which field, and every sentence says what of it. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkRange } from '../../../src-engine/core/bounds.ts';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { createWords } from '../../../src-main/cli/words.ts';

const ENGINE = join(import.meta.dirname, '../../../src-engine');

test('every place names a field or a checksum', () => {
  const silent: string[] = [];
  let places = 0;
  for (const path of globSync('**/*.ts', { cwd: ENGINE })) {
    const source = readFileSync(join(ENGINE, path), 'utf8');
    for (const { index } of source.matchAll(/new EngineError\(\s*'FORMAT_INVALID'/g)) {
      places++;
      const data = source.slice(index, source.indexOf(';', index));
      if (!/\b(field|checksum)\b|, (data|facts)\b/.test(data)) silent.push(`${path}: ${data}`);
    }
  }
  expect(places).toBeGreaterThan(50);
  expect(silent).toEqual([]);
});

const thrownBy = (call: () => unknown) => {
  try {
    call();
  } catch (error) {
    return error as EngineError;
  }
  throw new Error('nothing was thrown');
};

test.each([
  [thrownBy(() => checkRange('s_blocks_count', 7, 8, 16)), ['s_blocks_count', '7', '8–16']],
  [thrownBy(() => checkRange('entries', 2 ** 60, 0, Number.MAX_SAFE_INTEGER)), ['entries', String(2 ** 60), '≥ 0']],
  [new EngineError('FORMAT_INVALID', { checksum: 'block bitmap', group: 5 }), ['checksum: block bitmap', 'group 5']],
  [new EngineError('FORMAT_INVALID', { field: 'seqno' }), ['seqno']],
  [new EngineError('FORMAT_INVALID', { field: 'length', value: '0', path: '/a.img' }), ['length', '0', '/a.img']],
  [new EngineError('FORMAT_INVALID', { field: 'di_size', value: '', inode: 12 }), ['di_size', 'inode 12']],
  [new EngineError('FORMAT_INVALID'), []],
])('the sentence is whole, in both languages: %s', (error, parts) => {
  const { code, data } = error.toView();
  for (const language of ['en', 'fr'] as const) {
    const sentence = createWords(language).t(`error.${code}.what`, data);
    for (const part of parts) expect(sentence).toContain(part);
    expect(sentence).not.toMatch(/[{}]|undefined|null|\?|\b(is|of|vaut|faudrait)\s*[,.)]/);
  }
});
