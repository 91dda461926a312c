/** Whose an unfinished file is, from its name. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { hasLeft, markOfRunner } from '../../../src-engine/catalog/runner.ts';

const RUNNER = new URL('../../../src-engine/catalog/runner.ts', import.meta.url).href;

/** Another process of this program, which says its mark and waits. */
async function otherRunner() {
  const code = `const { markOfRunner } = await import('${RUNNER}'); console.log(markOfRunner()); setInterval(() => {}, 1000)`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, mark: said.toString().trim() };
}

describe.skipIf(process.platform !== 'linux')('the mark of a process', () => {
  test('fits into a name, and says whether the process is gone', async () => {
    const { child, mark } = await otherRunner();
    try {
      expect(mark).toMatch(/^[\da-f]{8}-\d+-\d+-\d+$/);
      expect(hasLeft(mark)).toBe(false);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    expect(hasLeft(mark)).toBe(true);
  });

  test('of another process that had the same number before is one of who is gone', () => {
    const [boot, namespace, processId, startedAt] = markOfRunner().split('-');
    expect(hasLeft([boot, namespace, processId, startedAt].join('-'))).toBe(false);
    expect(hasLeft([boot, namespace, processId, Number(startedAt) - 1].join('-'))).toBe(true);
  });

  test('of another boot, of another container and of nobody says nothing', () => {
    const [boot, namespace, , startedAt] = markOfRunner().split('-');
    const gone = 2 ** 22 + 1;
    expect(hasLeft([boot, namespace, gone, startedAt].join('-'))).toBe(true);
    expect(hasLeft(['00000000', namespace, gone, startedAt].join('-'))).toBe(false);
    expect(hasLeft([boot, '1', gone, startedAt].join('-'))).toBe(false);
    expect(hasLeft('')).toBe(false);
  });
});
