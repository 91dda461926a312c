/** What a version is not, that a deploy or an export of it must tell. */
import type { VersionDiskView, VersionView } from '../contract/template.contract.ts';
import type { Check } from '../contract/warnings.ts';

/** What could not be read at the capture is zeros in every deploy and export. */
export function incompleteCheck(template: string, { damage }: Pick<VersionDiskView, 'damage'>): Check[] {
  if (!damage) return [];
  const files = damage.files.filter(({ path }) => path !== '').length;
  return [{ code: 'TEMPLATE_INCOMPLETE', level: 'warn', data: { template, lengthBytes: damage.lengthBytes, files } }];
}

/** Of one that was captured while its machine ran: what its first start has to do. */
export function consistencyCheck(template: string, { consistency }: Pick<VersionView, 'consistency'>): Check[] {
  const data = { template };
  if (consistency === null) return [];
  return consistency === 'file-systems'
    ? [{ code: 'TEMPLATE_FROZEN', level: 'pass', data }]
    : [{ code: 'TEMPLATE_CRASH_CONSISTENT', level: 'warn', data }];
}
