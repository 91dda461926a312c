import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPageFiles, type PageFiles } from '../../../src-main/pages/page-files.ts';

let folder: string;
let pages: PageFiles;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diskpress-pages-'));
  const root = join(folder, 'renderer');
  await mkdir(join(root, 'assets'), { recursive: true });
  await writeFile(join(folder, 'secret.txt'), 'secret');
  await writeFile(join(root, 'index.html'), '<!doctype html>');
  await writeFile(join(root, 'assets', 'a b.js'), 'export {};');
  await writeFile(join(root, 'assets', 'data.unknown'), '?');
  await symlink(join(folder, 'secret.txt'), join(root, 'link.txt'));
  pages = await openPageFiles(root);
});

afterAll(() => rm(folder, { recursive: true }));

describe('files of the pages', () => {
  test('the first page has two addresses', async () => {
    expect((await pages.read('/'))?.bytes.toString()).toBe('<!doctype html>');
    expect(await pages.read('/index.html')).toEqual(await pages.read('/'));
  });

  test('a file has the content type of its name', async () => {
    expect((await pages.read('/'))?.contentType).toBe('text/html; charset=utf-8');
    expect((await pages.read('/assets/a%20b.js'))?.contentType).toBe('text/javascript; charset=utf-8');
    expect((await pages.read('/assets/data.unknown'))?.contentType).toBe('application/octet-stream');
  });

  test.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/assets/../../secret.txt',
    '/assets/..%5c..%5csecret.txt',
    '//secret.txt',
    '/\\..\\secret.txt',
    '/link.txt',
    '/assets',
    '/assets/',
    '/index.html\0',
    '/INDEX.HTML',
    '',
    'index.html',
    '/%',
    '/__proto__',
  ])('%j is none of them', async (path) => {
    expect(await pages.read(path)).toBeNull();
  });

  test('a folder without pages is told', async () => {
    await expect(openPageFiles(join(folder, 'nowhere'))).rejects.toThrow('npm run build');
    await expect(openPageFiles(join(folder, 'renderer', 'assets'))).rejects.toThrow('npm run build');
  });
});
