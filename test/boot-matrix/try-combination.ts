/** One combination: deployed, judged, started, asked, logged in to. */
import { existsSync, rmSync } from 'node:fs';
import { LENGTHS, type Combination } from './combinations.ts';
import { expectedOf, PASSWORD, type CommandLine } from './deploy.ts';
import { guestKey, type Guest } from './guests.ts';
import { logIn } from './login.ts';
import { startMachine } from './machine.ts';
import { soundnessOf } from './soundness.ts';
import { verdictOf, type Verdict } from './verdict.ts';

/** What stands in the table: of what could not be done, nothing. */
export interface Row extends Partial<Omit<Verdict, 'faults'>> {
  readonly combination: Combination;
  readonly release?: string;
  /** empty where everything is as it was to be */
  readonly faults: readonly string[];
  readonly hostName?: string;
  readonly address?: string;
  readonly targetBytes: number;
  readonly failedUnits?: number;
  readonly judges?: readonly string[];
  readonly login?: string;
  readonly deploySeconds?: number;
  readonly bootSeconds?: number;
  readonly processorSeconds?: number;
}

const BOOT_TIMEOUT_MS = 900_000;

/** @param target a path for the deployed disk, which is removed @returns the row; what went wrong stands in it as faults */
export async function tryCombination(
  combination: Combination,
  guest: Guest,
  commands: CommandLine,
  target: string,
): Promise<Row> {
  const row = { combination, targetBytes: LENGTHS[combination.length] };
  let known: Partial<Row> = {};
  try {
    const deployed = await commands.deploy(combination, target);
    known = { deploySeconds: deployed.seconds };
    const sound = await soundnessOf(target, combination.sectorBytes);
    known = { ...known, judges: sound.judges };
    const { address, user } = expectedOf(combination);
    const { firmware, sectorBytes, number } = combination;
    const options = { firmware, sectorBytes, address, card: number, timeoutMs: BOOT_TIMEOUT_MS };
    const machine = await startMachine(target, options);
    try {
      const { answers, seconds, processorSeconds } = machine;
      known = { ...known, bootSeconds: seconds, processorSeconds, release: answers.release[0] };
      known = { ...known, hostName: answers['host-name'][0], failedUnits: answers['failed-units'].length };
      const login = await logIn(machine.sshPort, user, guestKey(), PASSWORD);
      known = { ...known, address, login: login.lines[0] };
      const { faults, ...verdict } = verdictOf(combination, guest, deployed, answers, login);
      return { ...row, ...known, ...verdict, faults: [...sound.faults, ...faults] };
    } finally {
      await machine.stop();
    }
  } catch (error) {
    return {
      ...row,
      ...known,
      faults: [
        String((error as Error).message)
          .replace(/\s+/g, ' ')
          .slice(0, 900),
      ],
    };
  } finally {
    if (existsSync(target) && !process.env.DISKPRESS_KEEP_TARGETS) rmSync(target);
  }
}
