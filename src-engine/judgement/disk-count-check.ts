/** A version of another number of disks than the one before: another machine, or a disk that was forgotten. */
import type { TemplateView } from '../contract/template.contract.ts';
import type { Check } from '../contract/warnings.ts';

/** @param existing the template that gets a version; null: it is new @param count of the disks that the version will have */
export function diskCountCheck(existing: TemplateView | null, count: number): Check[] {
  const expected = existing?.versions[0].disks.length ?? count;
  if (!existing || expected === count) return [];
  const data = { name: existing.name, expected, count };
  return [{ code: 'DISK_COUNT_DIFFERS', level: 'block', canOverride: true, data }];
}
