/** A request that is not valid is told by its field and what is allowed there, in words: never by a pattern or a parser's text. */
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { COMMANDS, type CommandName } from '../../../src-engine/contract/index.ts';
import { wrongRequest } from '../../../src-engine/contract/wrong-request.ts';
import { LANGUAGES } from '../../../src-engine/words/languages.ts';
import { createWords } from '../../../src-main/cli/words.ts';

const wordsOf = (schema: z.ZodType, value: unknown, language: (typeof LANGUAGES)[number]) => {
  const { error } = schema.safeParse(value);
  return createWords(language).t('error.BAD_REQUEST.what', wrongRequest(error!));
};
const paramsOf = (command: CommandName) => COMMANDS[command].params;

/** Whatever stands in a schema and refuses texts by a pattern of its own: each has a word for it. */
function patterns(schema: z.core.$ZodType, found = new Set<z.core.$ZodType>()): Set<z.core.$ZodType> {
  const def = schema._zod.def as unknown as Record<string, unknown>;
  if ((def['checks'] as z.core.$ZodCheck[] | undefined)?.length) found.add(schema);
  for (const part of Object.values(def).flatMap((one) =>
    one && typeof one === 'object' && !('_zod' in one) ? Object.values(one) : [one],
  ))
    if (
      part &&
      typeof part === 'object' &&
      '_zod' in part &&
      'def' in (part._zod as object) &&
      'type' in (part._zod as { def: object }).def
    )
      patterns(part as z.core.$ZodType, found);
  return found;
}

describe.each(LANGUAGES)('words: %s', (language) => {
  test.each<[CommandName, object]>([
    ['capture.plan', { source: '/a', name: 'x', policy: '/nix/x.yaml' }],
    ['capture.plan', { source: '', name: 'x' }],
    ['capture.plan', { source: '/a\0', name: 'x' }],
    ['capture.plan', { source: '/a', name: 'x', level: 40 }],
    ['capture.plan', { source: '/a', name: 'x', kind: 'attic' }],
    ['capture.plan', { source: '/a', name: 'x', surprise: 1 }],
    ['capture.plan', { source: 5, name: 'x' }],
    ['capture.plan', { name: 'x' }],
    ['capture.plan', { source: '/a', name: 'y'.repeat(200) }],
    ['deploy.plan', { template: 'x', target: '/a', settings: { hostname: '-' } }],
    ['deploy.plan', { template: 'x', target: '/a', settings: { network: [{ card: '?', ipv4: 'no', ipv6: 'no' }] } }],
    ['template.edit', { template: 'x', tags: ['a,b'] }],
    ['job.show', { jobId: 'no' }],
  ])('%s %j', (command, params) => {
    const said = wordsOf(paramsOf(command), params, language);
    expect(said).not.toMatch(/Invalid|expected|received|must match|\^|\$|Too |notValid|undefined/);
    expect(said).not.toMatch(/\{|\}/);
  });

  test('every pattern of every command has words', () => {
    const checked = Object.values(COMMANDS).flatMap(({ params }) => [...patterns(params)]);
    const own = checked.flatMap((schema) =>
      ((schema._zod.def as { checks?: z.core.$ZodCheck[] }).checks ?? []).filter(
        ({ _zod }) => 'pattern' in _zod.def && (_zod.def as { format?: string }).format === 'regex',
      ),
    );
    expect(own.length).toBeGreaterThan(10);
    for (const { _zod } of own) {
      const said = (_zod.def as { error?: (issue: object) => unknown }).error?.({});
      expect(said, String((_zod.def as { pattern?: RegExp }).pattern)).toBeTypeOf('string');
      const words = createWords(language).t('error.BAD_REQUEST.what', { field: 'x', reason: String(said) });
      expect(words).not.toContain(`: ${String(said)}`);
    }
  });
});
