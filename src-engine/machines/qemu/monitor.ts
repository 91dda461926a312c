/** QEMU's monitor: commands, answers and events, one JSON object a line. Source: QEMU's qmp-spec. */
import type { Duplex } from 'node:stream';
import { EngineError } from '../../core/engine-error.ts';

/** No answer is longer: the text of a screen is the longest. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;
const ANSWER_MS = 20_000;

export interface MonitorEvent {
  readonly event: string;
  readonly data?: Record<string, unknown>;
}

interface Waiter {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class Monitor {
  readonly #stream: Duplex;
  readonly #listen: (event: MonitorEvent) => void;
  /** answers come in the order of the commands */
  readonly #waiting: Waiter[] = [];
  #rest = '';
  #isOver = false;

  constructor(stream: Duplex, listen: (event: MonitorEvent) => void) {
    this.#stream = stream;
    this.#listen = listen;
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => this.#take(text));
    stream
      .on('close', () => this.#end())
      .on('end', () => this.#end())
      .on('error', () => this.#end());
  }

  /** @returns null where QEMU refuses, or has ended, or takes too long */
  async ask(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    if (this.#isOver) return null;
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    this.#stream.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), ANSWER_MS)));
    try {
      return await Promise.race([answer.catch(() => null), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    if (this.#rest.length > MAX_LINE_BYTES) return this.#end();
    for (const line of lines) {
      const message = parsed(line);
      if (message === null) continue;
      if (typeof message.event === 'string') this.#listen(message as unknown as MonitorEvent);
      else if ('return' in message) this.#waiting.shift()?.resolve(message.return);
      else if ('error' in message)
        this.#waiting.shift()?.reject(new EngineError('TOOL_FAILED', { said: JSON.stringify(message.error) }));
    }
  }

  #end(): void {
    this.#isOver = true;
    for (const { resolve } of this.#waiting.splice(0)) resolve(null);
  }
}

function parsed(line: string): Record<string, unknown> | null {
  try {
    const message: unknown = JSON.parse(line);
    return typeof message === 'object' ? (message as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}
