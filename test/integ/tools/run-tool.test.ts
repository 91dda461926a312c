/** Other people's programs, run for real: what they say, what they cannot do, and that nothing of them stays behind. */
import { chmodSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runTool } from '../../../src-engine/tools/run-tool.ts';
import { findTool, TOOL_PACKAGES, toolFolders } from '../../../src-engine/tools/tools.ts';
import type { EngineError } from '../../../src-engine/core/engine-error.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const { signal } = new AbortController();

const refusal = (running: Promise<unknown>): Promise<EngineError> =>
  running.then(
    () => expect.unreachable('it was to fail'),
    (error) => error as EngineError,
  );

/** Makes a program of that name which is found before the real one. */
function inFrontOfPath(tool: string, script: string): string {
  const folder = bench.path(`bin-${tool}-${Math.random()}`);
  mkdirSync(folder);
  writeFileSync(join(folder, tool), `#!/bin/sh\n${script}`);
  chmodSync(join(folder, tool), 0o755);
  return folder;
}

async function withPath<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const before = process.env.PATH;
  process.env.PATH = `${folder}:${before}`;
  try {
    return await work();
  } finally {
    process.env.PATH = before;
  }
}

describe('a tool', () => {
  test('works on an open file, and reads what it is to do from its input', async () => {
    const image = bench.file('disk.img', 8 * MIB);
    run('mkfs.ext4', '-q', image);
    const fd = openSync(image, 'r+');
    const input = 'write /dev/null empty\n';
    await runTool('debugfs', ['-w', '-f', '-', '/dev/fd/3'], { signal, input, descriptors: [fd] });
    expect(run('debugfs', '-R', 'ls -p /', image)).toContain('/empty/');
  });

  test('that fails is told with its name, its exit code and its last words, in English', async () => {
    const image = bench.file('nothing.img', MIB);
    const { code, data } = await refusal(runTool('tune2fs', ['-l', image], { signal, env: { LANG: 'fr_FR.UTF-8' } }));
    expect({ code, data }).toMatchObject({ code: 'TOOL_FAILED', data: { tool: 'tune2fs', exitCode: 1 } });
    expect(data.said).toContain('Bad magic number in super-block');
  });

  test('that complains in several lines is told in one', async () => {
    const folder = inFrontOfPath('e2fsck', "printf 'error: no domain\\n\\n  error: none of that name\\n' >&2; exit 1");
    const { data } = await withPath(folder, () => refusal(runTool('e2fsck', [], { signal })));
    expect(data.said).toBe('error: no domain; error: none of that name');
  });

  test('never sees a shell: names are names', async () => {
    const name = bench.file('a; touch $(id) `id` "b"\n.img', MIB);
    const { data } = await refusal(runTool('tune2fs', ['-l', name], { signal }));
    expect(data.said).toContain('Bad magic number');
  });

  test('that hangs is ended at its deadline with all that it started', async () => {
    const mark = bench.path('pid');
    const folder = inFrontOfPath('e2fsck', `sleep 600 & echo $! > '${mark}'; wait`);
    const { code, data } = await withPath(folder, () => refusal(runTool('e2fsck', [], { signal, deadlineMs: 1500 })));
    expect({ code, data }).toEqual({ code: 'TOOL_TIMED_OUT', data: { tool: 'e2fsck', seconds: 2 } });
    const child = readFileSync(mark, 'utf8').trim();
    await expect.poll(() => readdirSync('/proc').includes(child) && isAsleep(child)).toBe(false);
  });

  test('ends when its job is cancelled', async () => {
    const cancelled = new AbortController();
    const folder = inFrontOfPath('e2fsck', 'sleep 600');
    setTimeout(() => cancelled.abort(), 200);
    await expect(withPath(folder, () => runTool('e2fsck', [], { signal: cancelled.signal }))).rejects.toThrow();
  });

  test('that says without end is heard to a limit', async () => {
    const folder = inFrontOfPath('e2fsck', 'yes | head -c 5000000');
    const { stdout } = await withPath(folder, () => runTool('e2fsck', [], { signal }));
    expect(stdout.length).toBe(MIB);
  });

  test('is not looked for in the present folder', () => {
    expect(toolFolders(':.:relative:/usr/bin')).not.toContain('.');
    expect(toolFolders(':.:relative:/usr/bin')[0]).toBe('/usr/bin');
  });

  test('that is not there is told with the package that has it', async () => {
    expect(findTool('fatresize', ['/nonexistent'])).toBeNull();
    expect(TOOL_PACKAGES.fatresize).toBe('fatresize');
  });
});

/** Not a zombie that nobody has waited for yet. */
const isAsleep = (pid: string) => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};
