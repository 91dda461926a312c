/** What a shell completes: commands, their options, and the words that an option takes. Written for bash, zsh and fish from the commands themselves. */
import type { Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A command, by the words that lead to it: none for the program itself. */
interface Place {
  readonly words: readonly string[];
  readonly command: Command;
}

/** @returns a script that the shell reads: `source <(diskpress completion bash)` */
export function completionOf(shell: Shell, program: Command): string {
  const places = placesOf({ words: [], command: program });
  if (shell === 'fish') return fishScript(places);
  const script = bashScript(places);
  return shell === 'bash' ? script : `autoload -U +X bashcompinit && bashcompinit\n${script}`;
}

const placesOf = (place: Place): Place[] => [
  place,
  ...place.command.commands.flatMap((command) => placesOf({ words: [...place.words, command.name()], command })),
];

/** As `<standard|flex|lab>` in its flags. */
const wordsOf = (option: Option): string[] => /<([\w.-]+(?:\|[\w.-]+)+)>/.exec(option.flags)?.[1].split('|') ?? [];
const flagsOf = ({ short, long }: Option): string[] => [short, long].filter((flag) => flag !== undefined);
const takesValue = ({ required, optional }: Option): boolean => required || optional;

/** complete(1) of bash(1), “Programmable Completion”. Where nothing fits, file names do: `-o default`. */
function bashScript(places: readonly Place[]): string {
  const [program] = places;
  const steps = places.slice(1).map(({ words }) => {
    const before = words.slice(0, -1).join(' ');
    return `      '${before}:${words.at(-1)!}') at='${words.join(' ')}' ;;`;
  });
  const global = program.command.options;
  const values = places.flatMap(({ words, command }) =>
    command.options.filter(takesValue).map((option) => {
      const flags = flagsOf(option);
      // an option of the program stands before or after a command
      const pattern = flags.map((flag) => `${global.includes(option) ? '*' : `'${words.join(' ')}'`}:${flag}`);
      return `    ${pattern.join(' | ')}) words='${wordsOf(option).join(' ')}' isValue=1 ;;`;
    }),
  );
  const known = places.map(({ words, command }) => {
    const options = [...command.options, ...(command === program.command ? [] : global)].flatMap(flagsOf);
    const names = command.commands.map((one) => one.name());
    return `      '${words.join(' ')}') words='${[...names, ...options, '--help'].join(' ')}' ;;`;
  });
  return `_diskpress() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} at= words= isValue= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at:\${COMP_WORDS[i]}" in
${steps.join('\n')}
    esac
  done
  case "$at:$previous" in
${values.join('\n')}
  esac
  if [ -z "$isValue" ]; then
    case "$at" in
${known.join('\n')}
    esac
    # options are offered where one is begun: else templates, disks and files are meant
    case "$current" in
    -*) ;;
    *) words=$(printf '%s\\n' $words | grep -v '^-') ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _diskpress diskpress
`;
}

/** complete(1) of fish. */
function fishScript(places: readonly Place[]): string {
  const [program] = places;
  const lines = places.flatMap(({ words, command }) => {
    const names = command.commands.map((one) => one.name());
    // within a command, and not yet within one of its own
    const within = [
      ...words.map((word) => `__fish_seen_subcommand_from ${word}`),
      ...(names.length > 0 ? [`not __fish_seen_subcommand_from ${names.join(' ')}`] : []),
    ];
    const condition = within.length > 0 ? ` -n ${quoted(within.join('; and '))}` : '';
    const here = command === program.command ? '' : condition;
    return [
      ...command.commands.map((one) => `${LEAD}${condition} -f -a ${one.name()} -d ${quoted(one.description())}`),
      ...command.options.map((option) => `${LEAD}${here}${fishOption(option)}`),
    ];
  });
  return `${lines.join('\n')}\n`;
}

const LEAD = 'complete -c diskpress';

function fishOption(option: Option): string {
  const flags = flagsOf(option).map((flag) =>
    flag.startsWith('--') ? ` -l ${flag.slice(2)}` : ` -s ${flag.slice(1)}`,
  );
  const words = wordsOf(option);
  const value = takesValue(option) ? (words.length > 0 ? ` -x -a ${quoted(words.join(' '))}` : ' -r') : '';
  return `${flags.join('')}${value} -d ${quoted(option.description)}`;
}

/** Within single quotes of fish, these two alone mean something. */
const quoted = (text: string): string => `'${text.replace(/['\\]/g, '\\$&')}'`;
