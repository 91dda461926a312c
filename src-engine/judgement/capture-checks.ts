/** What speaks against a capture: the source is in use, a part of it lies elsewhere, Windows is asleep in it. */
import type { LayoutRecord } from '../catalog/records/index.ts';
import type { DiskView, PlaceView } from '../contract/disk.contract.ts';
import type { MessageData } from '../contract/errors.ts';
import type { Check, Warning, WarningCode } from '../contract/warnings.ts';
import { warningsOf } from '../inspection/disk-inspection.ts';
import { checkSource, type SourceUse } from './source-checks.ts';

/** Without regard to overrides: see {@link withOverrides}. */
export function captureChecks(place: PlaceView, use: SourceUse, disk: DiskView): Check[] {
  return [...checkSource(place, use), ...diskChecks(disk)];
}

/** Those of {@link captureChecks} that are about what is on the disk. */
export function diskChecks(disk: DiskView): Check[] {
  return [
    ...outsideChecks(disk),
    ...warningsOf(disk).flatMap((warning) => CHECK_OF[warning.code]?.(warning.data) ?? []),
  ];
}

/** Warnings that are reasons to stop. */
const CHECK_OF: Partial<Record<WarningCode, (data: Warning['data']) => Check>> = {
  EXTERNAL_JOURNAL: (data) => ({
    code: 'VOLUME_REFUSED',
    level: 'block',
    data: { feature: 'external journal', ...data },
  }),
  SEVERAL_DEVICES: (data) => ({
    code: 'VOLUME_REFUSED',
    level: 'block',
    canOverride: true,
    data: { feature: 'several devices', ...data },
  }),
  WINDOWS_HIBERNATED: (data) => ({ code: 'WINDOWS_HIBERNATED', level: 'block', canOverride: true, data }),
};

/** What lies outside of all that is known, where somebody has to say first what shall become of it. */
function outsideChecks({ account }: DiskView): Check[] {
  if (!account?.isUndecided) return [];
  const places = account.pieces.filter(({ leftBytes }) => leftBytes > 0);
  const [largest] = [...places].sort((a, b) => b.leftBytes - a.leftBytes);
  const data = {
    lengthBytes: account.leftBytes,
    places: places.length,
    offset: largest.startBytes,
    largestBytes: largest.leftBytes,
  };
  return [{ code: 'OUTSIDE_UNDECIDED', level: 'block', data }];
}

/** What was decided about what lies outside, for the audit log. @param layouts of the version's disks */
export function outsideFacts(layouts: readonly Pick<LayoutRecord, 'account'>[]): MessageData {
  const accounts = layouts.flatMap(({ account }) => account ?? []);
  if (accounts.length === 0) return {};
  const sum = (field: 'takenBytes' | 'leftBytes') => accounts.reduce((all, account) => all + account[field], 0);
  return { outside: accounts[0].outside, takenBytes: sum('takenBytes'), leftBytes: sum('leftBytes') };
}

/** Nobody knows how far data shrinks: half is usual, so less than half warns, and only nothing at all would be certain. */
export function spaceCheck(usedBytes: number, catalogFreeBytes: number): Check {
  const data = { usedBytes, freeBytes: catalogFreeBytes };
  return usedBytes / 2 > catalogFreeBytes
    ? { code: 'CATALOG_SPACE_LOW', level: 'warn', data }
    : { code: 'CATALOG_SPACE', level: 'pass', data };
}
