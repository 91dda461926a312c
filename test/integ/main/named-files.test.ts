/** Files that a person names for something small: what is no file, too long, or something else's secret. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandError, type EngineClient } from '../../../src-engine/contract/index.ts';
import { startEngine, type RunningEngine } from '../../../src-engine/host/start-engine.ts';
import { readPassword } from '../../../src-engine/host/read-password.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const SECRET = 'hunter2';
const SECRETS = {
  shadow: `root:${SECRET}:19000:0:99999:7:::\n`,
  'key.json': `{"${SECRET}": 1}`,
  'quoted.json': `"${SECRET}`,
  'token.yaml': `key: "${SECRET}`,
  'tab.yaml': `a:\n\t- ${SECRET}`,
  'alias.yaml': `rules: *${SECRET}`,
  'deep.yaml': `${'['.repeat(500_000)}${SECRET}`,
  'two.yaml': `${SECRET}: a: b`,
  'tag.yaml': `!!${SECRET} x`,
  'field.yaml': `${SECRET}: 1`,
};

let engine: RunningEngine;
let client: EngineClient;
const socket = createServer();

beforeAll(async () => {
  for (const [name, text] of Object.entries(SECRETS)) writeFileSync(at(name), text);
  execFileSync('mkfifo', [at('pipe')]);
  symlinkSync('/dev/zero', at('zero'));
  mkdirSync(at('folder'));
  writeFileSync(at('long'), Buffer.alloc(3 * 1024 * 1024, 0x20));
  await new Promise<void>((resolve) => socket.listen(at('socket'), resolve));
  engine = await startEngine({
    catalogPath: at('catalog'),
    version: '1',
    resourcesPath: join(import.meta.dirname, '../../../resources'),
  });
  client = engine.client();
});
afterAll(async () => {
  socket.close();
  await engine.close();
});

const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: unknown) => (error instanceof CommandError ? error.view : error),
  );

const NO_FILES = ['pipe', 'zero', 'folder', 'socket'];

describe.each([
  ['a profile', (path: string): Promise<unknown> => client.call('machine.read', { path })],
  ['a password', (path: string): Promise<unknown> => readPassword(path)],
  ['an image to import', (path: string) => client.call('import.look', { path, entry: null, password: null })],
  ['an image to capture', (path: string) => client.call('source.inspect', { source: path })],
])('%s', (what, read) => {
  test.each(NO_FILES.filter((name) => name !== 'folder'))('that is a %s is refused at once', async (name) => {
    expect(await errorOf(read(at(name)))).toMatchObject({
      code: expect.stringMatching(/^(BAD_REQUEST|FORMAT_INVALID|SOURCE_NOT_FOUND)$/),
    });
  });

  test.each(Object.keys(SECRETS))('of which the content is in no error: %s', async (name) => {
    const error = await errorOf(read(at(name)));
    expect(error instanceof Error).toBe(false);
    expect(JSON.stringify(error)).not.toContain(SECRET);
    if (what === 'a profile') expect(error).toMatchObject({ code: 'FORMAT_INVALID' });
  });
});

test.each(['folder', 'long', 'missing'])('a profile and a password that are a %s are refused', async (name) => {
  const codes = { folder: 'BAD_REQUEST', long: 'FORMAT_INVALID', missing: 'NOT_FOUND' } as Record<string, string>;
  expect(await errorOf(client.call('machine.read', { path: at(name) }))).toMatchObject({ code: codes[name] });
  expect(await errorOf(readPassword(at(name)))).toMatchObject({ code: codes[name] });
});

test('a lab’s policies that are no files, or something else’s secret, are named, and the others count', async () => {
  const policies = join(folder, 'catalog', 'policies');
  mkdirSync(policies, { recursive: true });
  for (const name of NO_FILES.filter((one) => one !== 'socket')) {
    if (name === 'pipe') execFileSync('mkfifo', [join(policies, 'pipe.yaml')]);
    else symlinkSync(at(name), join(policies, `${name}.yaml`));
  }
  for (const name of [...Object.keys(SECRETS), 'long'])
    symlinkSync(at(name), join(policies, `${name.replace('.', '-')}.yaml`));
  const { policies: all, refused } = (await client.call('policy.list', {})) as unknown as {
    policies: unknown[];
    refused: { code: string; data: { path: string } }[];
  };
  expect(all.length).toBeGreaterThan(0);
  expect(JSON.stringify(refused)).not.toContain(SECRET);
  expect(refused.map(({ code }) => code)).toEqual(Array(Object.keys(SECRETS).length + 4).fill('POLICY_INVALID'));
});
