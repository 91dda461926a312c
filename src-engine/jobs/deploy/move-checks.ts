/** What a guest will not find on a machine of the other sort, physical or virtual: cards by the names of their slots, and a console. */
import type { NetworkCard } from '../../contract/deploy.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import type { GuestVolume } from '../../guest/guest-input.ts';
import { consolesOf } from '../../guest/linux/consoles.ts';
import { openGuestFiles } from '../../guest/open-guest-files.ts';

/** By their place on a bus or on the board: systemd.net-naming-scheme(7). A name that holds the MAC address stays with the card, which stays behind. */
const BY_SLOT = /^(?:en|wl|ww|ib)(?:p\d|s\d|o\d|P\d|x[0-9a-f]{12})/;
const SERIAL = /^(?:ttyS|ttyAMA|hvc)/;

export interface Move {
  readonly from: 'virtual' | 'physical' | null;
  readonly to: 'virtual' | 'physical' | null;
}

/**
 * @param recorded cards that the guest has set up @param asked those that are set up anew: they have the names that were said
 * @throws EngineError `ABORTED`
 */
export async function moveChecks(
  { from, to }: Move,
  recorded: readonly NetworkCard[],
  asked: readonly NetworkCard[],
  volumes: readonly GuestVolume[],
  signal: AbortSignal,
): Promise<Check[]> {
  if (from === null || to === null || from === to) return [];
  const bySlot = recorded.map(({ card }) => card).filter((card) => BY_SLOT.test(card));
  const checks: Check[] =
    bySlot.length > 0 && asked.length === 0
      ? [{ code: 'CARDS_BY_SLOT', level: 'warn', data: { cards: bySlot, to } }]
      : [];
  const opened = await openGuestFiles(volumes, signal);
  const consoles = opened?.family === 'linux' ? await consolesOf(opened.files) : null;
  if (consoles === null) return checks;
  const isSerial = consoles.some((name) => SERIAL.test(name));
  // the last one that is named is the one that programs write to
  const isSerialAlone = isSerial && SERIAL.test(consoles.at(-1)!);
  if (to === 'virtual' && !isSerial) checks.push({ code: 'CONSOLE_NOT_SERIAL', level: 'pass', data: {} });
  if (to === 'physical' && isSerialAlone)
    checks.push({ code: 'CONSOLE_SERIAL_LAST', level: 'warn', data: { console: consoles.at(-1)! } });
  return checks;
}
