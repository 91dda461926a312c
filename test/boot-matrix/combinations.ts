/** What is deployed and started: each firmware, layout, length and identity with each other. */
import { MIB } from '../support/workbench.ts';
import { GUEST_BYTES, LAYOUTS, type GuestKind } from './guests.ts';
import { SUITES } from './guest-system.ts';

/** BIOS reads sectors of 512 bytes alone. */
const MACHINES = [
  { firmware: 'bios', sectorBytes: 512 },
  { firmware: 'uefi', sectorBytes: 512 },
  { firmware: 'uefi', sectorBytes: 4096 },
] as const;

export const LENGTHS = { same: GUEST_BYTES, larger: 2304 * MIB, smaller: 1152 * MIB } as const;

export interface Combination {
  /** from 1, as it stands in the table */
  readonly number: number;
  readonly guest: GuestKind;
  readonly firmware: 'bios' | 'uefi';
  /** the target's */
  readonly sectorBytes: 512 | 4096;
  readonly length: keyof typeof LENGTHS;
  readonly identity: 'fresh' | 'kept';
  /** nothing inside is changed: its name, address and users are the template's */
  readonly isExact: boolean;
}

type Unnumbered = Omit<Combination, 'number'>;

const lengths = Object.keys(LENGTHS) as Combination['length'][];

/**
 * Layouts and Debians take turns, so that each has met each. A target that is the same in everything gets the bytes as captured, if they
 * start a machine that knows nothing of them.
 */
const WITH_EACH_OTHER = LAYOUTS.flatMap((layout, i) =>
  MACHINES.flatMap((machine, j) =>
    lengths.flatMap((length, k) =>
      (['fresh', 'kept'] as const).map((identity, l): Unnumbered => ({
        ...machine,
        length,
        identity,
        isExact:
          identity === 'kept' &&
          length === 'same' &&
          machine.sectorBytes === 512 &&
          (layout !== 'xfs' || machine.firmware === 'bios'),
        guest: { layout, suite: SUITES[(i + j + k + l) % 2], sectorBytes: 512 },
      })),
    ),
  ),
);

/** What was captured from sectors of 4096 bytes fits those of 512, too. */
const FROM_4096 = ([512, 4096] as const).map((sectorBytes): Unnumbered => ({
  guest: { layout: 'ext4', suite: 'bookworm', sectorBytes: 4096 },
  firmware: 'uefi',
  sectorBytes,
  length: 'larger',
  identity: 'fresh',
  isExact: false,
}));

export const COMBINATIONS: readonly Combination[] = [...WITH_EACH_OTHER, ...FROM_4096].map((one, i) => ({
  number: i + 1,
  ...one,
}));

/**
 * A part of them for every day: each layout with two of the machines, with lengths and identities that take turns, of one Debian, so that few
 * guests have to be made.
 */
export const REPRESENTATIVE: readonly Combination[] = LAYOUTS.flatMap((layout, i) =>
  MACHINES.flatMap(({ firmware, sectorBytes }, j): Combination[] => {
    if (j === i % MACHINES.length) return [];
    const length = lengths[(i + j + 1) % lengths.length];
    const identity = (i + j) % 2 === 0 ? 'fresh' : 'kept';
    const found = COMBINATIONS.find(
      (one) =>
        one.guest.layout === layout &&
        one.firmware === firmware &&
        one.sectorBytes === sectorBytes &&
        one.length === length &&
        one.identity === identity,
    )!;
    return [{ ...found, guest: { ...found.guest, suite: 'bookworm' } }];
  }),
);

/** @returns one line that tells it from the others */
export function titleOf({ number, guest, firmware, sectorBytes, length, identity, isExact }: Combination): string {
  const from = guest.sectorBytes === 512 ? '' : ` of ${guest.sectorBytes}`;
  const how = isExact ? 'exact' : identity;
  return `${number} ${guest.suite} ${guest.layout}${from} ${firmware} ${sectorBytes} ${length} ${how}`;
}
