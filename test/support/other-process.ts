/** Drives `engine-process.ts`: an engine that can be stopped, or killed at a chosen moment. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { CommandName } from '../../src-engine/contract/commands.ts';

export interface OtherProcess {
  readonly child: ChildProcess;
  /** what it has printed */
  readonly lines: string[];
  /** Resolves with true once it has printed a line that begins so, or with false where it ends without. */
  said(start: string): Promise<boolean>;
  /** Resolves when it is gone. */
  readonly gone: Promise<unknown>;
}

export function otherProcess(
  catalog: string,
  ...commands: (readonly [CommandName, Record<string, unknown>, 'beside'?])[]
): OtherProcess {
  const script = fileURLToPath(new URL('./engine-process.ts', import.meta.url));
  const texts = commands.map((command) => JSON.stringify(command));
  const child = spawn(process.execPath, [script, catalog, ...texts], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  const waiting = new Set<{ start: string; resolve(hasCome: boolean): void }>();
  const output = createInterface(child.stdout!);
  output.on('line', (line) => {
    lines.push(line);
    for (const wait of waiting) {
      if (!line.startsWith(wait.start)) continue;
      waiting.delete(wait);
      wait.resolve(true);
    }
  });
  const gone = Promise.all([once(child, 'exit'), once(output, 'close')]);
  void gone.then(() => waiting.forEach((wait) => wait.resolve(false)));
  return {
    child,
    lines,
    gone,
    said: (start) =>
      lines.some((line) => line.startsWith(start))
        ? Promise.resolve(true)
        : new Promise((resolve) => waiting.add({ start, resolve })),
  };
}
