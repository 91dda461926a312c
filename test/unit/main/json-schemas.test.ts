/** The documentation of JSON is made from the contract: it is what `npm run schemas` would write now. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { schemaText, withTable } from '../../../scripts/schemas.mjs';

const docs = join(import.meta.dirname, '../../../docs');
/** what prettier lines up does not count */
const plain = (text: string) => text.replace(/-{3,}/g, '---').replace(/ +/g, ' ').replace(/\n+/g, '\n');

test('the schema is that of the contract', () => {
  expect(JSON.parse(readFileSync(join(docs, 'schema/line.schema.json'), 'utf8'))).toEqual(JSON.parse(schemaText()));
});

test('the table of kinds is that of the contract', () => {
  const written = readFileSync(join(docs, 'JSON.md'), 'utf8');
  expect(plain(written)).toBe(plain(withTable(written)));
});
