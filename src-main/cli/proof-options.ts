/** How a machine is started for a boot proof: the same options wherever one can be asked for. */
import type { Command } from 'commander';
import {
  BootChoiceSchema,
  DISK_BUSES,
  FIRMWARES,
  MACHINE_TYPES,
  MAX_BOOT_MEMORY_BYTES,
  MAX_BOOT_SECONDS,
  MIN_BOOT_MEMORY_BYTES,
  secureBootNeeds,
  type BootChoice,
} from '../../src-engine/contract/index.ts';
import { badOption, oneOf, wholeNumber, wordOf } from './options.ts';
import type { Words } from './words.ts';

const MIB = 1024 * 1024;

export interface HowToStart {
  firmware?: (typeof FIRMWARES)[number];
  secureBoot?: boolean;
  memory?: number;
  machineType?: (typeof MACHINE_TYPES)[number];
  bus?: (typeof DISK_BUSES)[number];
  until?: string;
  timeout?: number;
  /** false: it is emulated */
  acceleration: boolean;
}

export interface ProofOptions extends HowToStart {
  bootProof?: boolean;
}

export function addHowToStart(command: Command, { t }: Words): Command {
  const help = (name: string) => t(`cli.help.${name}`);
  const memory = wholeNumber('--memory', MIN_BOOT_MEMORY_BYTES / MIB, MAX_BOOT_MEMORY_BYTES / MIB);
  return command
    .option(`--firmware ${oneOf(FIRMWARES)}`, help('firmware'), wordOf('--firmware', FIRMWARES))
    .option('--secure-boot', help('secure-boot'))
    .option('--memory <mib>', help('memory'), memory)
    .option(`--machine-type ${oneOf(MACHINE_TYPES)}`, help('machine-type'), wordOf('--machine-type', MACHINE_TYPES))
    .option(`--bus ${oneOf(DISK_BUSES)}`, help('bus'), wordOf('--bus', DISK_BUSES))
    .option('--until <login|desktop|text>', help('until'))
    .option('--timeout <s>', help('timeout'), wholeNumber('--timeout', 1, MAX_BOOT_SECONDS))
    .option('--no-acceleration', help('no-acceleration'));
}

/** @throws CommandError `BAD_REQUEST` for what cannot be started so */
export function howToStart(options: HowToStart): BootChoice {
  const { firmware, secureBoot, memory, machineType, bus, until, timeout, acceleration } = options;
  const needs = secureBootNeeds({ isSecureBoot: secureBoot, firmware, machineType });
  if (needs) throw badOption('--secure-boot', `secure boot needs ${needs}`);
  if (until === '' || (until?.length ?? 0) > 200) throw badOption('--until', 'text of a sign');
  return BootChoiceSchema.parse({
    firmware,
    isSecureBoot: secureBoot,
    memoryBytes: memory === undefined ? undefined : memory * MIB,
    machineType,
    bus,
    until,
    timeoutSeconds: timeout,
    isAccelerated: acceleration,
  });
}

export function addProofOptions(command: Command, words: Words): Command {
  return addHowToStart(command.option('--boot-proof', words.t('cli.help.boot-proof')), words);
}

/** @returns null where no proof is wanted @throws CommandError `BAD_REQUEST` for options that only a proof has use for */
export function proofParams(options: ProofOptions): BootChoice | null {
  if (options.bootProof) return howToStart(options);
  const names = ['firmware', 'secureBoot', 'memory', 'machineType', 'bus', 'until', 'timeout'] as const;
  const useless = names.find((name) => options[name] !== undefined);
  if (useless) {
    const option = `--${useless.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw badOption(option, 'only with boot proof');
  }
  return null;
}
