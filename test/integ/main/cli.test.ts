/** The command line as a script uses it: a template's whole life, JSON lines, exit codes. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commandLine, lastLine } from '../../support/command-line.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const diskpress = commandLine(bench.path('catalog'));

function ext4(name: string): string {
  const image = bench.file(name, 24 * MIB);
  run('mkfs.ext4', '-q', '-d', '/usr/share/common-licenses', image);
  return image;
}

describe('where there is no catalog', () => {
  const env: NodeJS.ProcessEnv = { ...process.env, XDG_DATA_HOME: bench.path('data') };
  delete env.DISKPRESS_CATALOG;

  it.each(['list', 'jobs', 'log'])(
    '%s is empty at the place where it is when nobody says, and makes nothing',
    async (command) => {
      const ended = await commandLine(null, env)('--json', command);
      expect(ended.code).toBe(0);
      expect(lastLine(ended)).toMatchObject({ ok: true, value: [] });
      expect(existsSync(bench.path('data'))).toBe(false);
    },
  );

  it.each(['list', 'jobs', 'log'])('%s tells where a place was named, and makes nothing', async (command) => {
    const named = { ...env, DISKPRESS_CATALOG: bench.path('mistyped') };
    for (const ended of [
      await commandLine(bench.path('mistyped'), env)('--json', command),
      await commandLine(null, named)('--json', command),
    ]) {
      expect(ended.code).toBe(3);
      expect(lastLine(ended)).toMatchObject({ ok: false, error: { code: 'CATALOG_NOT_FOUND' } });
    }
    expect(existsSync(bench.path('mistyped'))).toBe(false);
  });
});

describe('the command line', () => {
  it('captures, lists, edits, deploys, deletes and prunes, each with exit code 0', async () => {
    const source = ext4('source.img');
    const target = bench.path('target.img');
    const captured = await diskpress(
      '--json',
      'capture',
      source,
      '--name',
      'licences',
      '--note',
      'a note',
      '--tag',
      'one',
    );
    expect(captured).toMatchObject({ code: 0, err: '' });
    const lines = captured.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(new Set(lines.map((line) => line.type))).toEqual(new Set(['event', 'progress', 'result']));
    expect(lines.at(-1)).toMatchObject({ type: 'result', ok: true, value: { outcome: 'done', kind: 'capture' } });

    expect((await diskpress('list')).out).toMatch(/^[0-9a-f]{8}\s+licences\s+1\s+Lab/m);
    const edited = await diskpress('--json', 'edit', 'licences', '--name', 'texts', '--status', 'active');
    expect(lastLine(edited).value).toMatchObject({ name: 'texts', note: 'a note', tags: ['one'] });
    expect(await diskpress('deploy', 'texts', target)).toMatchObject({ code: 0 });
    run('cmp', source, target);
    expect(await diskpress('verify', 'texts')).toMatchObject({ code: 0 });
    expect(await diskpress('delete', 'texts')).toMatchObject({ code: 0 });
    expect((await diskpress('list', '--deleted')).out).toContain('texts');
    expect(await diskpress('undelete', 'texts')).toMatchObject({ code: 0 });
    expect(await diskpress('delete', 'texts')).toMatchObject({ code: 0 });
    expect(lastLine(await diskpress('--json', 'prune')).value.result.storedBytes).toBeGreaterThan(0);
    expect((await diskpress('jobs')).out.match(/Done/g)).toHaveLength(4);
    expect((await diskpress('log')).out).toContain('Deployed');
    expect((await diskpress('--json', 'log')).out).toContain('template.deployed');
  });

  it('inspects a disk without a catalog entry, in French too', async () => {
    const { out, code } = await diskpress('--lang', 'fr', 'inspect', ext4('look.img'));
    expect(code).toBe(0);
    expect(out).toMatch(/ext4\s+0\so\s+25,2\sMo/);
  });

  it.each([
    [['show', 'nothing'], 3, 'TEMPLATE_NOT_FOUND'],
    [['capture', '/nonexistent/disk.img', '--name', 'x'], 3, 'SOURCE_NOT_FOUND'],
    [['capture', '/', '--name', 'x'], 2, 'BAD_REQUEST'],
    [['capture', '/etc/hostname', '--name', 'a/b'], 2, 'BAD_REQUEST'],
    [['frobnicate'], 2, 'BAD_REQUEST'],
    [['capture', '/etc/hostname'], 2, 'BAD_REQUEST'],
  ])('%j ends with %i and one JSON line %s', async (args, code, errorCode) => {
    const ended = await diskpress('--json', ...args);
    expect(ended.code).toBe(code);
    expect(lastLine(ended)).toMatchObject({ type: 'result', ok: false, error: { code: errorCode } });
  });

  it('tells an error in three parts on standard error', async () => {
    const { err, out, code } = await diskpress('show', 'nothing');
    expect({ out, code }).toEqual({ out: '', code: 3 });
    expect(err.trim().split('\n')).toHaveLength(4);
    expect(err).toMatch(/^TEMPLATE_NOT_FOUND$/m);
  });

  it('does not overwrite a file unasked, and deploys to several targets only when all may be', async () => {
    await diskpress('capture', ext4('again.img'), '--name', 'again');
    const [existing, fresh] = [ext4('existing.img'), bench.path('fresh.img')];
    const before = readFileSync(existing);
    const refused = await diskpress('--json', 'deploy', 'again', existing, fresh);
    expect(refused.code).toBe(5);
    expect(lastLine(refused).error.code).toBe('OVERWRITE_REQUIRED');
    expect(existsSync(fresh)).toBe(false);
    expect(readFileSync(existing)).toEqual(before);
    expect(await diskpress('deploy', 'again', existing, fresh, '--overwrite')).toMatchObject({ code: 0 });
    expect(readFileSync(existing).equals(readFileSync(fresh))).toBe(true);
  });

  it('cancels on Ctrl-C with exit code 130', async () => {
    const image = bench.file('random.img', 400 * MIB);
    run('dd', 'if=/dev/urandom', `of=${image}`, 'bs=1M', 'count=400', 'status=none');
    const capture = diskpress('--json', 'capture', image, '--name', 'long');
    capture.interrupt();
    const ended = await capture;
    expect(ended.code).toBe(130);
    expect(lastLine(ended)).toMatchObject({ ok: false, error: { code: 'ABORTED' } });
    expect((await diskpress('show', 'long')).code).toBe(3);
  });
});
