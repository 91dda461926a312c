/** A folder of images that is named in the place of one of them: they are there to choose from. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EngineClient } from '../../../src-engine/contract/client.ts';
import { startEngine, type RunningEngine } from '../../../src-engine/host/start-engine.ts';

let folder: string;
let engine: RunningEngine;
let client: EngineClient;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'diskpress-folder-'));
  const resourcesPath = join(import.meta.dirname, '../../../resources');
  engine = await startEngine({ catalogPath: join(folder, 'catalog'), version: '1.2.3', resourcesPath });
  client = engine.client();
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true });
});

function folderWith(name: string, ...images: string[]): string {
  const path = join(folder, name);
  mkdirSync(path);
  for (const image of images) execFileSync('mke2fs', ['-q', '-t', 'ext4', '-L', image, join(path, image), '4M']);
  writeFileSync(join(path, 'notes.txt'), 'what they are');
  return path;
}

test('several are told, and one of them is taken by its name; links are not followed', async () => {
  const path = folderWith('several', 'a.img', 'b.img');
  symlinkSync('/dev/null', join(path, 'c.img'));
  const seen = await client.call('import.look', { path });
  expect(seen.entries).toEqual(['a.img', 'b.img'].map((name) => ({ name, lengthBytes: 4 * 1024 * 1024 })));
  expect(seen.disk).toBeNull();
  const chosen = await client.call('import.look', { path, entry: 'b.img' });
  expect(chosen.disk?.volumes[0].fileSystem).toMatchObject({ kind: 'ext4', label: 'b.img' });
  await expect(client.call('import.look', { path, entry: 'd.img' })).rejects.toMatchObject({
    view: { code: 'IMAGE_CHOICE_REQUIRED', data: { names: ['a.img', 'b.img'] } },
  });
});

test('one alone is meant; none is told as before', async () => {
  expect((await client.call('import.look', { path: folderWith('one', 'a.img') })).disk).not.toBeNull();
  await expect(client.call('import.look', { path: folderWith('none') })).rejects.toMatchObject({
    view: { code: 'FORMAT_INVALID', data: { value: 'Clonezilla' } },
  });
});
