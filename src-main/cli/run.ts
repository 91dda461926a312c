/** A command of the command line: parsed, carried out, printed. */
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import { CommandError, EXIT_CODES, type ErrorView } from '../../src-engine/contract/index.ts';
import { defaultCatalogPath, startEngine, type RunningEngine } from '../../src-engine/host/start-engine.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { cancellable, interrupted } from './cancellable.ts';
import { addCommands } from './commands.ts';
import { optionDescription, optionTerm, subcommandTerm } from './help-columns.ts';
import { interrupts } from './interrupts.ts';
import { oneOf, wordOf } from './options.ts';
import { parserText } from './parser-words.ts';
import { askingForRights, commandAsRoot, sameAsRoot } from './rights.ts';
import type { Session } from './session.ts';
import { takeTypedPlaces } from './typed-places.ts';
import { jsonPrinter } from './json-printer.ts';
import { textPrinter } from './text-printer.ts';
import { LANGUAGES, type Language } from '../../src-engine/words/languages.ts';
import { createWords, preferredLanguage } from './words.ts';

// the presses do the heavy work; this pool reads and writes disks, several windows at a time
process.env.UV_THREADPOOL_SIZE ??= '8';

/** What --lang asks for must be known before the options are described. */
function chosenLanguage(argv: readonly string[]): Language {
  const at = argv.findLastIndex((arg) => arg === '--lang' || arg.startsWith('--lang='));
  const wanted = at < 0 ? undefined : (argv[at].split('=')[1] ?? argv[at + 1]);
  return LANGUAGES.find((language) => language === wanted) ?? preferredLanguage(process.env);
}

async function run(argv: readonly string[]): Promise<number> {
  const words = createWords(chosenLanguage(argv));
  const isJson = argv.includes('--json');
  const printer = isJson
    ? jsonPrinter((line) => process.stdout.write(line))
    : textPrinter(words, {
        out: (text) => process.stdout.write(text),
        err: (text) => process.stderr.write(text),
        isTerminal: process.stderr.isTTY === true,
        columns: process.stderr.columns ?? 80,
      });
  const fail = (error: ErrorView): number => {
    const command = commandAsRoot(error, process.argv, program.opts<{ catalog: string }>().catalog);
    printer.error(command === null ? error : { ...error, data: { ...error.data, command } });
    return EXIT_CODES[error.code];
  };

  let engine: Promise<RunningEngine> | null = null;
  const program = new Command('diskpress')
    .description(words.t('cli.about'))
    .version(packageJson.version)
    .option('--catalog <dir>', words.t('cli.help.catalog'), defaultCatalogPath())
    .option('--json', words.t('cli.help.json'))
    .option(`--lang ${oneOf(LANGUAGES)}`, words.t('cli.help.lang'), wordOf('--lang', LANGUAGES))
    .exitOverride()
    .configureHelp({ optionTerm, optionDescription, subcommandTerm })
    .configureOutput({
      writeErr: (text) => process.stderr.write(text),
      outputError: (text, write) => write(parserText(words, text)),
    });
  const session: Session = {
    words,
    printer,
    isInteractive: !isJson && process.stdin.isTTY === true && process.stderr.isTTY === true,
    engine({ makesCatalog = false, stays = false } = {}) {
      const isNamed = program.getOptionValueSource('catalog') !== 'default' || process.env.DISKPRESS_CATALOG;
      const catalogPath = program.opts<{ catalog: string }>().catalog;
      engine ??= startEngine({
        catalogPath,
        commandAsRoot: sameAsRoot(process.argv, catalogPath),
        version: packageJson.version,
        ifNoCatalog: makesCatalog ? 'make' : isNamed ? 'tell' : 'empty',
        stays,
        resourcesPath: fileURLToPath(new URL('../../resources', import.meta.url)),
      });
      return engine;
    },
    client: async () => cancellable(askingForRights((await session.engine()).client()), interrupts.signal),
  };
  addCommands(program, session);
  takeTypedPlaces(program);

  try {
    await Promise.race([program.parseAsync(argv, { from: 'user' }), interrupted(interrupts.signal)]);
    return 0;
  } catch (thrown) {
    if (thrown instanceof CommandError) return fail(thrown.view);
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode === 0) return 0;
      // the text is on standard error already; a program that reads JSON gets its last line too
      if (isJson)
        printer.error({ code: 'BAD_REQUEST', message: thrown.message, hint: '', data: { reason: thrown.message } });
      return EXIT_CODES.BAD_REQUEST;
    }
    const error = thrown as Error;
    return fail({ code: 'INTERNAL', message: error.message, hint: error.stack ?? '', data: { reason: error.message } });
  } finally {
    // one that could not be started has been told
    const started = await (engine as Promise<RunningEngine> | null)?.catch(() => null);
    await started?.close();
  }
}

// `diskpress log | head`: the reader has seen enough, which is no error
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await run(process.argv.slice(2));
// what was cancelled may wait for an answer that nobody gives any more
if (interrupts.signal.aborted) process.stdout.write('', () => process.exit());
