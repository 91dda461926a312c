/** Whether a version has the disks of the one before it: another number is another machine, or a disk that was forgotten. */
import type { DiskView } from '../contract/disk.contract.ts';
import type { TemplateView } from '../contract/template.contract.ts';
import type { Check } from '../contract/warnings.ts';

/** @param existing the template that gets a version; null: it is new @param count of the disks that the version will have */
export function diskCountCheck(existing: TemplateView | null, count: number): Check[] {
  const expected = existing?.versions[0].disks.length ?? count;
  if (!existing || expected === count) return [];
  const data = { name: existing.name, expected, count };
  return [{ code: 'DISK_COUNT_DIFFERS', level: 'block', canOverride: true, data }];
}

/** What tells one disk of a machine from its others, whoever made them. */
function identityOf({ tableId, volumes }: DiskView): string {
  return tableId || (volumes[0]?.fileSystem?.uuid ?? volumes[0]?.recognisedUuid ?? '');
}

/** @param disks of the version that is made, in their order */
export function diskOrderCheck(existing: TemplateView | null, disks: readonly DiskView[]): Check[] {
  if (!existing || disks.length === 1) return [];
  const before = existing.versions[0].disks.map(({ layout }) => identityOf(layout));
  const moved = disks.map(identityOf).map((identity, i) => (identity === '' ? i : before.indexOf(identity)));
  return moved.flatMap((other, i): Check[] => {
    if (other < 0 || other === i) return [];
    return [{ code: 'DISKS_EXCHANGED', level: 'warn', data: { name: existing.name, number: i + 1, other: other + 1 } }];
  });
}
