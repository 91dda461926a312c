/** Commands that run until they are ended: `serve` for browsers, `nbd` for other programs. */
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { CommandError, MAX_DISKS, type EngineClient } from '../../src-engine/contract/index.ts';
import { usualPort } from '../browser/usual-port.ts';
import { interrupts } from './interrupts.ts';
import { wholeNumber } from './options.ts';
import type { Session } from './session.ts';

export function addServeCommands(program: Command, session: Session, connect: () => Promise<EngineClient>): void {
  const { printer, words } = session;
  const help = (name: string) => words.t(`cli.help.${name}`);

  program
    .command('serve')
    .description(help('serve'))
    .option('--port <n>', help('port'), wholeNumber('--port', 0, 65_535))
    .action(async ({ port }: { port?: number }) => {
      // eslint-disable-next-line no-restricted-syntax -- no other command needs the web's protocols, which take a while to read
      const { startBrowserServer } = await import('../browser/server.ts');
      const server = await startBrowserServer({
        engine: await session.engine({ makesCatalog: true, stays: true }),
        rendererPath: fileURLToPath(new URL('../../out/renderer', import.meta.url)),
        port,
        usualPort: usualPort(program.opts<{ catalog: string }>().catalog),
      }).catch((error) => {
        throw portError(error, port);
      });
      const tell = (address: string) => printer.event({ kind: 'serving', value: { address } });
      tell(server.address);
      // Enter asks for another address: the first one is used up by the browser that opened it
      const askAgain = () => tell(server.newAddress());
      process.stdin.on('data', askAgain);
      await untilInterrupted();
      process.stdin.off('data', askAgain).pause();
      await server.close();
    });

  program
    .command('nbd <template>')
    .description(help('nbd'))
    .option('--disk <n>', help('disk'), wholeNumber('--disk', 1, MAX_DISKS))
    .option('--socket <path>', help('nbd-socket'))
    .option('--port <n>', help('nbd-port'), wholeNumber('--port', 0, 65_535))
    .action(async (template: string, options: { disk?: number; socket?: string; port?: number }) => {
      const client = await connect();
      const interrupted = untilInterrupted();
      const served = await client.call('nbd.open', { template, ...options });
      // a loss before that is the call's to tell
      const lost = new Promise<never>((_, reject) =>
        client.onLost(() => reject(new CommandError({ code: 'ENGINE_LOST', message: '', hint: '', data: {} }))),
      );
      // a script needs the address while it is served
      printer.result({ kind: 'nbd', value: served });
      await Promise.race([interrupted, lost]);
      await client.call('nbd.close', { id: served.id });
    });
}

const untilInterrupted = () => new Promise<void>((resolve) => void interrupts.take(resolve));

/** A port that somebody has, or that only root may have, is no fault of ours. */
function portError(error: NodeJS.ErrnoException, port: number | undefined): unknown {
  const code = { EADDRINUSE: 'DEVICE_BUSY', EACCES: 'PERMISSION_DENIED' }[error.code ?? ''];
  if (code === undefined) return error;
  const data = { path: `127.0.0.1:${String(port)}` };
  return new CommandError({ code: code as 'DEVICE_BUSY', message: error.message, hint: '', data });
}
