/** What speaks against a capture: the source is in use, a part of it lies elsewhere, Windows is asleep in it. */
import type { DiskView, PlaceView } from '../contract/disk.contract.ts';
import type { Check, Warning, WarningCode } from '../contract/warnings.ts';
import { warningsOf } from './disk-inspection.ts';
import type { EngineParts } from './engine-parts.ts';
import { checkSource } from './source-checks.ts';

/** Without regard to overrides: see {@link withOverrides}. */
export async function captureChecks(parts: EngineParts, place: PlaceView, disk: DiskView): Promise<Check[]> {
  return [
    ...(await checkSource(parts.machine, place, parts.layout.root)),
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
