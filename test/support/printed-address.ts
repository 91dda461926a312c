/** Where `serve` is reached. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** @returns the address that `serve` prints, with its token */
export function printedAddress(server: ChildProcess): Promise<string> {
  return new Promise<string>((found, failed) => {
    server.once('exit', (code) => failed(new Error(`serve ended with ${code}`)));
    createInterface(server.stdout!).on('line', (line) => {
      const match = /http:\/\/[^"\s]+token=[\w-]+/.exec(line);
      if (match) found(match[0]);
    });
  });
}
