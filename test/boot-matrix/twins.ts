/** Two machines of one template that run side by side share nothing of what tells machines apart. */
import { join } from 'node:path';
import type { Answers } from './answers.ts';
import type { CommandLine } from './deploy.ts';
import type { Guest } from './guests.ts';
import { startMachine, type RunningMachine } from './machine.ts';
import { diskIdsOf, keysOf, uuidsOf } from './verdict.ts';

const BOOT_TIMEOUT_MS = 900_000;

export interface Twins {
  readonly template: string;
  readonly hostNames: readonly string[];
  /** what both have, by its kind; nothing of it must be */
  readonly shared: Readonly<Record<string, readonly string[]>>;
  /** what the plan said that it stays the template's */
  readonly told: readonly string[];
  readonly seconds: number;
}

const addressesOf = ({ addresses }: Answers) => addresses.map((line) => /inet (\S+)/.exec(line)?.[1] ?? line);

const DIFFERENT: Record<string, (answers: Answers) => readonly string[]> = {
  'host-name': (answers) => answers['host-name'],
  address: addressesOf,
  'machine-id': (answers) => answers['machine-id'],
  'ssh-host-keys': keysOf,
  'file-system-uuids': uuidsOf,
  'disk-ids': diskIdsOf,
};

export async function tryTwins(guest: Guest, commands: CommandLine, folder: string): Promise<Twins> {
  const targets = [join(folder, `${guest.name}-1.img`), join(folder, `${guest.name}-2.img`)] as const;
  const { keptThings } = await commands.deployTwo(guest, targets);
  const started: RunningMachine[] = [];
  const start = async (target: string, i: number) => {
    const options = { firmware: 'bios', sectorBytes: 512, timeoutMs: BOOT_TIMEOUT_MS } as const;
    const machine = await startMachine(target, { ...options, address: `10.0.2.${201 + i}`, card: 201 + i });
    started.push(machine);
    return machine;
  };
  try {
    const both = await Promise.all(targets.map(start));
    const [one, other] = both.map(({ answers }) => answers);
    const shared = Object.entries(DIFFERENT).map(([kind, of]) => [
      kind,
      of(one).filter((id) => of(other).includes(id)),
    ]);
    return {
      template: guest.name,
      hostNames: both.map(({ answers }) => answers['host-name'][0]),
      shared: Object.fromEntries(shared.filter(([, ids]) => ids.length > 0)),
      told: keptThings,
      seconds: Math.max(...both.map(({ seconds }) => seconds)),
    };
  } finally {
    await Promise.all(started.map((machine) => machine.stop()));
  }
}

/** @returns what they share though nobody said so */
export const untold = ({ shared, told }: Twins): string[] => Object.keys(shared).filter((kind) => !told.includes(kind));
