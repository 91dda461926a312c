/** What is set for the pages is kept with the catalog, and in memory where that cannot be. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openEngine, type TestEngine } from '../support/engine.ts';
import { workbench } from '../support/workbench.ts';

const bench = workbench();
const NOTHING = {
  theme: null,
  language: null,
  columns: null,
  dismissed: [],
  recentFolders: [],
  sound: false,
  notification: false,
  isKept: true,
};
const shown = (engine: TestEngine) => engine.client.call('preferences.show', {});

async function within<T>(catalog: string, work: (engine: TestEngine) => Promise<T>): Promise<T> {
  const engine = await openEngine(catalog);
  return work(engine).finally(() => engine.close());
}

test('the next engine has what was set; whoever listens is told; changes at the same time lose nothing', async () => {
  const catalog = bench.path('kept');
  await within(catalog, async ({ client }) => {
    const told: unknown[] = [];
    client.subscribe('preferences', (now) => told.push(now));
    expect(await client.call('preferences.show', {})).toEqual(NOTHING);
    await Promise.all([
      client.call('preferences.change', { theme: 'dark', dismiss: 'one' }),
      client.call('preferences.change', { language: 'fr' }),
      client.call('preferences.change', { dismiss: 'two' }),
      client.call('preferences.change', { dismiss: 'one' }),
    ]);
    expect(told.at(-1)).toEqual({ ...NOTHING, theme: 'dark', language: 'fr', dismissed: ['one', 'two'] });
  });
  expect(statSync(join(catalog, 'preferences.json')).mode & 0o777).toBe(0o600);
  const columns = { order: ['name', 'of a later Diskpress'], hidden: [] };
  await within(catalog, async ({ client }) => {
    expect(await client.call('preferences.change', { columns, theme: null })).toEqual({
      ...NOTHING,
      language: 'fr',
      columns,
      dismissed: ['one', 'two'],
    });
  });
});

test.for([
  ['no JSON', 'dark'],
  ['no object', '[1, 2]'],
  ['of no version', '{"theme":"dark"}'],
  [
    'words that are none',
    '{"schemaVersion":1,"theme":"<script>","dismissed":"all","sound":"on","columns":{"order":[1]}}',
  ],
])('a file with %s has none', async ([, text]) => {
  const catalog = bench.path('broken');
  await within(catalog, async (engine) => {
    writeFileSync(join(catalog, 'preferences.json'), text);
    expect(await shown(engine)).toEqual(NOTHING);
    expect(await engine.client.call('preferences.change', { theme: 'light' })).toMatchObject({
      theme: 'light',
      isKept: true,
    });
  });
});

test('what another version has added stays, and the file of a later one is not touched', async () => {
  const catalog = bench.path('later');
  const path = join(catalog, 'preferences.json');
  await within(catalog, async (engine) => {
    writeFileSync(path, '{"schemaVersion":1,"theme":"dark","contrast":"high"}');
    await engine.client.call('preferences.change', { language: 'fr' });
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ theme: 'dark', contrast: 'high', language: 'fr' });
    const later = '{"schemaVersion":2,"theme":"dark"}';
    writeFileSync(path, later);
    expect(await engine.client.call('preferences.change', { theme: 'light' })).toMatchObject({
      theme: 'light',
      isKept: false,
    });
    expect(readFileSync(path, 'utf8')).toBe(later);
  });
});

test('of a catalog that is away they stay as they were, and what is set meanwhile is written when it is back', async () => {
  const catalog = bench.path('away');
  await within(catalog, async (engine) => {
    await engine.client.call('preferences.change', { theme: 'dark' });
    renameSync(catalog, bench.path('elsewhere'));
    // a mount point without its disk
    mkdirSync(catalog);
    const change = await engine.client.call('preferences.change', { language: 'fr' });
    expect(change).toMatchObject({ theme: 'dark', language: 'fr', isKept: false });
    expect(existsSync(join(catalog, 'preferences.json'))).toBe(false);
    rmSync(catalog, { recursive: true });
    renameSync(bench.path('elsewhere'), catalog);
    expect(await shown(engine)).toMatchObject({ theme: 'dark', language: 'fr', isKept: true });
  });
  await within(catalog, async (engine) => expect(await shown(engine)).toMatchObject({ theme: 'dark', language: 'fr' }));
});

test('neither a pipe nor a long file holds anybody up', { timeout: 20_000 }, async () => {
  const catalog = bench.path('hostile');
  await within(catalog, async (engine) => {
    const path = join(catalog, 'preferences.json');
    writeFileSync(path, Buffer.alloc(1024 * 1024, 0x5b));
    expect(await shown(engine)).toEqual(NOTHING);
    expect(await engine.client.call('preferences.change', { theme: 'dark' })).toMatchObject({ isKept: false });
    rmSync(path);
    execFileSync('mkfifo', [path]);
    expect(await shown(engine)).toMatchObject({ theme: 'dark', isKept: false });
    rmSync(path);
    expect(await shown(engine)).toMatchObject({ theme: 'dark', isKept: true });
  });
});
