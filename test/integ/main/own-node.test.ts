/** An installed `diskpress` is started by whatever Node there is: an old one goes on in Diskpress's own, or says in one sentence what is needed. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import packageJson from '../../../package.json' with { type: 'json' };
import { main } from '../../support/command-line.ts';
import { workbench } from '../../support/workbench.ts';

const bench = workbench();
const OLD = '/usr/bin/node';
const version = existsSync(OLD) ? spawnSync(OLD, ['--version'], { encoding: 'utf8' }).stdout : '';
const isOld = /^v(20|22)\./.test(version) && main.endsWith('.js');
if (!isOld) console.warn('SKIPPED: what an old Node does: there is none in /usr/bin, or nothing is built');

const start = (program: string, args: string[], env: NodeJS.ProcessEnv = {}) =>
  spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, LANG: 'C', LC_ALL: '', ...env } });

test('what package.json installs as a program says by what it is run', () => {
  const path = join(import.meta.dirname, '../../..', packageJson.bin.diskpress);
  expect(packageJson.bin.diskpress).toBe('out/main/cli.js');
  expect(start('head', ['-n', '1', path]).stdout).toBe('#!/usr/bin/env node\n');
});

describe.skipIf(!isOld)('an old Node', () => {
  test('goes on in Diskpress’s own: same answers, same exit codes', () => {
    const catalog = bench.path('catalog');
    const listed = start(OLD, [main, '--catalog', catalog, '--json', 'list']);
    expect(listed).toMatchObject({ status: 3, stderr: '' });
    expect(JSON.parse(listed.stdout)).toMatchObject({ ok: false, error: { code: 'CATALOG_NOT_FOUND' } });
    expect(start(OLD, [main, '--version'])).toMatchObject({ status: 0, stdout: `${packageJson.version}\n` });
  });

  test('or says what is needed', () => {
    const env = { DISKPRESS_OWN_NODE: '1' };
    const text = start(OLD, [main, 'list'], env);
    expect(text).toMatchObject({ status: 10, stdout: '' });
    expect(text.stderr).toMatch(
      /^Diskpress needs Node\.js 24 or newer, and this is \d+\.\d+\.\d+\.\n.*npm ci.*\nUNSUPPORTED_PLATFORM\n$/,
    );
    const json = start(OLD, [main, '--json', 'list'], env);
    expect(JSON.parse(json.stdout)).toMatchObject({
      type: 'result',
      ok: false,
      error: { code: 'UNSUPPORTED_PLATFORM' },
    });
    expect(start(OLD, [main, '--lang', 'fr', 'list'], env).stderr).toContain('demande Node.js 24');
  });
});
