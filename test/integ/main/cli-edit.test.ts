/** What people say of a template, and what the log keeps of it: which field, what it was, what it is. */
import { userInfo } from 'node:os';
import { expect, it } from 'vitest';
import { commandLine, lastLine, type Ended } from '../../support/command-line.ts';
import { MIB, workbench } from '../../support/workbench.ts';

const bench = workbench();
const diskpress = commandLine(bench.path('catalog'));

interface Entry {
  action: string;
  subject: string;
  user: string;
  data: { fields: string[]; before: string[]; after: string[] };
}

async function json<T>(...args: string[]): Promise<T> {
  const ended: Ended = await diskpress('--json', ...args);
  expect(ended).toMatchObject({ code: 0, err: '' });
  return lastLine(ended).value as T;
}
const edits = async () => (await json<Entry[]>('log')).filter(({ action }) => action === 'template.edited');

it('keeps what every edit changed, and by whom; what stays as it was is no edit of that field', async () => {
  const image = bench.file('disk.img', 2 * MIB);
  await json('capture', image, '--name', 'lamp', '--note', 'first words', '--tag', 'a', '--tag', 'b');
  const me = userInfo().username;

  await json('edit', 'lamp', '--note', 'other words', '--tag', 'b', '--tag', 'c', '--status', 'active');
  await json('edit', 'lamp', '--owner', 'ana', '--share', 'bo', '--share', 'chi');
  expect((await diskpress('show', 'lamp')).out).toContain('chi');
  await json('edit', 'lamp', '--name', 'lantern', '--policy', 'flex', '--licence', 'own');
  await json('edit', 'lantern', '--no-policy', '--visibility', 'private');

  // whom it was shared with is kept, and means nothing as long as it is private
  expect((await diskpress('show', 'lantern')).out).not.toContain('chi');

  const entries = (await edits()).reverse();
  expect(entries.map(({ user }) => user)).toEqual([me, me, me, me]);
  const changes = entries.map(({ data: { fields, before, after } }) =>
    Object.fromEntries(fields.map((field, i) => [field, `${before[i]} > ${after[i]}`])),
  );
  expect(changes).toEqual([
    { note: 'first words > other words', tags: 'a, b > b, c' },
    { owner: `${me} > ana`, visibility: 'private > shared', sharedWith: ' > bo, chi' },
    { name: 'lamp > lantern', licence: 'none > own', policy: ' > flex' },
    { visibility: 'shared > private', policy: 'flex > ' },
  ]);

  const [listed] = await json<Record<string, unknown>[]>('list');
  expect(listed).toMatchObject({ name: 'lantern', owner: 'ana', visibility: 'private', licence: 'own', policy: null });
});

it('keeps the beginning of long notes only', async () => {
  await json('edit', 'lantern', '--note', 'x'.repeat(10_000));
  const [{ data }] = await edits();
  expect(data).toEqual({
    templateId: expect.any(String),
    fields: ['note'],
    before: ['other words'],
    after: ['x'.repeat(500)],
  });
});

it('of what is refused keeps nothing', async () => {
  const before = await edits();
  const refused = await diskpress('--json', 'edit', 'lantern', '--visibility', 'public');
  expect(refused.code).not.toBe(0);
  expect(lastLine(refused)).toMatchObject({ ok: false, error: { code: 'LICENCE_NOT_PUBLIC' } });
  expect(await edits()).toEqual(before);
});
