/** `npm run schemas`: docs/schema/line.schema.json and the table of kinds in docs/JSON.md, from the contract. A test fails where they are stale. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { lineSchema, VALUES } from '../src-main/cli/json-lines.ts';
import { root } from './ensure.mjs';

const SCHEMA = join(root, 'docs', 'schema', 'line.schema.json');
const DOCUMENT = join(root, 'docs', 'JSON.md');

/** The names of what a value has, and whether it is a list. */
function fieldsOf(value) {
  const { type, items, properties = {} } = z.toJSONSchema(value, { unrepresentable: 'any' });
  if (type === 'array')
    return `a list of: ${Object.keys(items.properties ?? {})
      .map((name) => `\`${name}\``)
      .join(', ')}`;
  return Object.keys(properties)
    .map((name) => `\`${name}\``)
    .join(', ');
}

export function kindsTable() {
  const rows = Object.entries(VALUES).map(([kind, value]) => `| \`${kind}\` | ${fieldsOf(value)} |`);
  return ['| kind | value |', '| --- | --- |', ...rows].join('\n');
}

/** @returns the text of the document with the table as it is now */
export function withTable(text) {
  return text.replace(
    /(<!-- kinds -->\n)[^]*(\n<!-- end of kinds -->)/,
    (_, before, after) => `${before}\n${kindsTable()}\n${after}`,
  );
}

export const schemaText = () => `${JSON.stringify(lineSchema(), null, 2)}\n`;

if (import.meta.filename === process.argv[1]) {
  writeFileSync(SCHEMA, schemaText());
  writeFileSync(DOCUMENT, withTable(readFileSync(DOCUMENT, 'utf8')));
}
