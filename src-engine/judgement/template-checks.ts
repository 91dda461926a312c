/** What a version is not, that a deploy or an export of it must tell. */
import type { VersionDiskView } from '../contract/template.contract.ts';
import type { Check } from '../contract/warnings.ts';

/** What could not be read at the capture is zeros in every deploy and export. */
export function incompleteCheck(template: string, { damage }: Pick<VersionDiskView, 'damage'>): Check[] {
  if (!damage) return [];
  const files = damage.files.filter(({ path }) => path !== '').length;
  return [{ code: 'TEMPLATE_INCOMPLETE', level: 'warn', data: { template, lengthBytes: damage.lengthBytes, files } }];
}
