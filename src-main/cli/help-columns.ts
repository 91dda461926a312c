/** Help as two columns that fit a terminal: a long list of choices stands behind what the option is for, and not before it. */
import { Help, type Command, type Option } from 'commander';

/** So much leaves the second column room to be wrapped in 80. */
const MAX_TERM = 28;
const CHOICES = /<([^<>]*\|[^<>]*)>/;
const help = new Help();

const isLong = ({ flags }: Option) => flags.length > MAX_TERM && CHOICES.test(flags);

/** @returns '--target-bus <bus>' for '--target-bus <virtio|scsi|…>' */
export const optionTerm = (option: Option): string =>
  isLong(option) ? option.flags.replace(CHOICES, `<${option.name().split('-').at(-1)}>`) : option.flags;

export function optionDescription(option: Option): string {
  const said = help.optionDescription(option);
  return isLong(option) ? `${said} (${CHOICES.exec(option.flags)![1].split('|').join(', ')})` : said;
}

/** That there are options says the help of each. */
export const subcommandTerm = (command: Command): string => help.subcommandTerm(command).replace('[options] ', '');
