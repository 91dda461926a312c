/** Profiles of machines: probed here, and read from what somebody else has written. */
import type { FactValue } from '../../contract/report.contract.ts';
import { MachineProfileSchema, type MachineProfile } from '../../contract/machine.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import { KERNEL_ROOTS } from '../linux/kernel-files.ts';
import { linuxProfile } from './linux-profile.ts';
import { otherProfile } from './other-profile.ts';

export const MAX_PROFILE_BYTES = 1024 * 1024;

/**
 * The profile of the machine that this runs on.
 * @param isHealthAsked drives' own checks: smartctl takes seconds where drives sleep
 */
export function probeMachine(isHealthAsked: boolean, platform = process.platform): Promise<MachineProfile> {
  return platform === 'linux' ? linuxProfile(KERNEL_ROOTS, isHealthAsked) : otherProfile();
}

/**
 * @param text a profile as JSON, as `machine export` writes it or as typed in
 * @throws EngineError `FORMAT_INVALID` with the field that is wrong
 */
export function parseProfile(text: string, path: string): MachineProfile {
  const fail = (field: string, value: string) => new EngineError('FORMAT_INVALID', { path, field, value });
  if (text.length > MAX_PROFILE_BYTES) throw fail('length', String(text.length));
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // the parser's words quote the text, which may be any file's
    throw fail('JSON', 'not JSON');
  }
  const parsed = MachineProfileSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const isStranger = issue.code === 'unrecognized_keys';
  throw fail(issue.path.join('.') || 'profile', isStranger ? 'a field that no profile has' : issue.message);
}

/** What rules ask of a machine: values by the last part of the fact's name ('firmware', 'raidLevels'…), null for unknown. */
export function machineFacts(profile: MachineProfile) {
  const { arrays, drives, graphics, networks } = profile;
  const levels = arrays?.map(({ level }) => level) ?? null;
  const inArrays = new Set(arrays?.flatMap(({ members }) => members.map(wholeDisk)));
  const plain = drives?.filter(({ isRemovable }) => !isRemovable).length ?? null;
  const cards = networks?.filter(({ isPhysical }) => isPhysical);
  return {
    firmware: profile.firmware,
    boardFamily: boardFamily(profile),
    hasTpm: profile.hasTpm,
    graphics:
      graphics &&
      (['gpu', 'vgpu'] as const).reduce(
        (found, kind) => (graphics.some((g) => g.kind === kind) ? kind : found),
        'none',
      ),
    raidLevels: levels?.includes(null) ? null : (levels as string[] | null),
    raidGroups: arrays?.length ?? null,
    mixesRaidAndPlain: arrays && plain !== null ? arrays.length > 0 && plain > inArrays.size : null,
    hasPublicNetwork: cards
      ? cards.some((card) => card.isPublic) || (cards.some((card) => card.isPublic === null) ? null : false)
      : null,
  } satisfies Record<string, FactValue | null>;
}

/** A member may be a partition: /dev/sda1, /dev/nvme0n1p2. */
const wholeDisk = (path: string) => path.replace(/(?<=\d)p\d+$|(?<=[a-z])\d+$/, '');

function boardFamily({ maker, boardMaker, board, product }: MachineProfile): string | null {
  if ([maker, boardMaker].some((name) => /lenovo/i.test(name ?? ''))) return 'lenovo';
  const family = /^X(\d\d)/i.exec(board ?? product ?? '');
  if (family && /super\s?micro/i.test(`${maker} ${boardMaker}`)) return `x${family[1]}`;
  const name = [boardMaker ?? maker, board ?? product].filter((part) => part !== null).join(' ');
  return name === '' ? null : name;
}
