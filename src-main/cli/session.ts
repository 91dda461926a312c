/** What every command is given: words, a printer, and the engine when it needs it. */
import type { EngineClient } from '../../src-engine/contract/index.ts';
import type { RunningEngine } from '../../src-engine/host/start-engine.ts';
import type { Printer } from './printer.port.ts';
import type { Words } from './words.ts';

export interface Session {
  readonly words: Words;
  readonly printer: Printer;
  /** a person is there to be asked */
  readonly isInteractive: boolean;
  /** started when the first command needs it */
  engine(options?: { makesCatalog?: boolean; stays?: boolean }): Promise<RunningEngine>;
  /** a connection to it, whose calls end with the command */
  client(): Promise<EngineClient>;
}
