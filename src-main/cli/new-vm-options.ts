/** What a virtual machine is made of where a target is one: options that stand beside those of a boot proof, which it is started by. */
import type { Command } from 'commander';
import {
  DEPLOY_FORMATS,
  isVmPlace,
  MAX_VM_PROCESSORS,
  VM_NETWORK_KINDS,
  VmNetworkChoiceSchema,
  type CommandParams,
  type DeployFormat,
  type VmNetworkChoice,
} from '../../src-engine/contract/index.ts';
import { badOption, oneOf, wholeNumber, wordOf } from './options.ts';
import { howToStart, proofParams, type ProofOptions } from './proof-options.ts';
import { wrongForm } from './wrong-option.ts';
import type { Words } from './words.ts';

const MIB = 1024 * 1024;
const MAX_COUNT = 64;

export interface VmOptions {
  cpus?: number;
  pool?: string;
  diskFormat?: DeployFormat;
  tpm?: boolean;
  net?: VmNetworkChoice[];
  start?: boolean;
  count?: number;
  reload?: boolean;
  keepOldDisk?: boolean;
  instant?: boolean;
  linked?: boolean;
}

type Params = Pick<
  CommandParams<'deploy.planAll'>,
  'vm' | 'count' | 'reload' | 'keepOldDisk' | 'diskFormat' | 'bootProof'
>;

export function addVmOptions(command: Command, { t }: Words): Command {
  const help = (name: string) => t(`cli.help.${name}`);
  return command
    .option(`--disk-format ${oneOf(DEPLOY_FORMATS)}`, help('disk-format'), wordOf('--disk-format', DEPLOY_FORMATS))
    .option('--cpus <n>', help('vm-cpus'), wholeNumber('--cpus', 1, MAX_VM_PROCESSORS))
    .option('--pool <pool>', help('vm-pool'))
    .option('--tpm', help('vm-tpm'))
    .option('--net <network|bridge=name|user|none>', help('vm-net'), (text, cards: VmNetworkChoice[] = []) => {
      if (text === 'none') return [];
      return [...cards, cardOf(text) ?? refuse(wrongForm(t, '--net', text))];
    })
    .option('--count <n>', help('vm-count'), wholeNumber('--count', 1, MAX_COUNT))
    .option('--start', help('start-made'))
    .option('--instant', help('instant'))
    .option('--linked', help('linked'))
    .option('--keep-old-disk', help('keep-old-disk'));
}

/**
 * Firmware, memory and buses are those of the machine where a target is one: what is proven is started by them.
 * @throws CommandError `BAD_REQUEST` for options that nothing here has use for
 */
export function machineParams(targets: readonly string[], options: VmOptions & ProofOptions): Params {
  const { diskFormat, count, reload, keepOldDisk } = options;
  if (!targets.some(isVmPlace)) {
    const useless = (
      ['cpus', 'pool', 'tpm', 'net', 'count', 'start', 'reload', 'keepOldDisk', 'instant', 'linked'] as const
    ).find((name) => options[name] !== undefined);
    if (useless) throw badOption(`--${useless === 'keepOldDisk' ? 'keep-old-disk' : useless}`, 'only with a machine');
    return { diskFormat, bootProof: proofParams(options) };
  }
  if (options.instant && options.linked) throw badOption('--linked', 'not with --instant');
  const {
    cpus,
    memory,
    pool,
    firmware,
    secureBoot,
    tpm,
    bus,
    machineType,
    net,
    start,
    instant: _instant,
    linked: _linked,
    ...proof
  } = options;
  const vm = {
    processors: cpus,
    memoryBytes: memory === undefined ? undefined : memory * MIB,
    ...{ pool, firmware, bus, machineType, networks: net, start },
    isSecureBoot: secureBoot,
    hasTpm: tpm,
    overTemplate: options.instant ? ('instant' as const) : options.linked ? ('linked' as const) : undefined,
  };
  const bootProof = options.bootProof ? howToStart(proof) : proofParams(proof);
  return { vm, count, reload, keepOldDisk, diskFormat, bootProof };
}

/** `default`, `bridge=br0`, `user`; each with `,mac=52:54:00:…` behind it. */
function cardOf(text: string): VmNetworkChoice | null {
  const [, place, mac] = /^(.+?)(?:,mac=([^,]+))?$/.exec(text) ?? [];
  if (place === undefined) return null;
  const [, said, name] = /^(?:([a-z]+)=)?(.+)$/.exec(place) ?? [];
  const kind = place === 'user' ? 'user' : (said ?? 'network');
  const known = VM_NETWORK_KINDS.find((one) => one === kind);
  const read = VmNetworkChoiceSchema.safeParse({ kind: known, name: known === 'user' ? '' : name, mac });
  return read.data ?? null;
}

function refuse(error: Error): never {
  throw error;
}
