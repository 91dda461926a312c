/** Places as people paste them: in quotes that the shell did not take away, as an address of a file, from their home. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { personalHome } from '../../src-engine/host/person.ts';
import { typedPath } from '../../src-engine/words/typed-path.ts';

/** Arguments that name a file, a folder or a disk here; `path` is one inside of a template. */
const ARGUMENTS = new Set(['file', 'source', 'sources', 'targets', 'subject']);
/** Placeholders; `profile` and `target` stand for other things too: what has no quotes, no scheme and no `~` stays as it is. */
const OPTIONS = new Set([
  ...['dir', 'file', 'file.iso', 'file.png', 'file.txt', 'file.txt|html|pdf', 'folder', 'path'],
  ...['profile', 'target'],
]);

/** A name that is there just so is meant, whatever it looks like. */
function placeOf(text: string): string {
  return existsSync(text) ? text : typedPath(text, personalHome());
}

/** Has every option and argument of a command, and of those below it, read places that way. */
export function takeTypedPlaces(command: Command): void {
  for (const argument of command.registeredArguments) {
    if (!ARGUMENTS.has(argument.name()) || argument.parseArg) continue;
    argument.argParser((text: string, before: unknown): unknown =>
      argument.variadic ? [...((before as string[] | undefined) ?? []), placeOf(text)] : placeOf(text),
    );
  }
  for (const option of command.options) {
    const [, placeholder = ''] = /<([^>]+)>/.exec(option.flags) ?? [];
    if (!OPTIONS.has(placeholder)) continue;
    const read = option.parseArg;
    option.argParser((text: string, before: unknown) => (read ? read(placeOf(text), before) : placeOf(text)));
  }
  for (const below of command.commands) takeTypedPlaces(below);
}
