/** What a person says of an image, beside what was found: what is left out is taken from there, and contradictions are told. */
import type { CheckedParams } from '../../contract/commands.ts';
import type { DiskView } from '../../contract/disk.contract.ts';
import type { RecordedConfiguration } from '../../contract/template.contract.ts';
import type { MessageData } from '../../contract/errors.ts';
import type { Proposal } from '../../images/inspect-image.ts';

export type ImportRequest = CheckedParams<'import.plan'>;

export function recordedConfiguration(request: ImportRequest, found: RecordedConfiguration): RecordedConfiguration {
  return {
    ...found,
    operatingSystem: request.operatingSystem?.trim() || found.operatingSystem,
    bootMode: request.bootMode ?? found.bootMode,
    hasCloudInit: request.hasCloudInit ?? found.hasCloudInit,
  };
}

/** @returns data for `IMPORT_CONTRADICTED`: {field, found, said} */
export function contradictions(
  request: ImportRequest,
  { configuration, isBootModeCertain }: Proposal,
  disk: DiskView,
): MessageData[] {
  const list: MessageData[] = [];
  const { bootMode, operatingSystem } = request;
  if (bootMode && isBootModeCertain && configuration.bootMode !== bootMode) {
    list.push({ field: 'bootMode', found: configuration.bootMode, said: bootMode });
  }
  const said = familyOf(operatingSystem ?? '');
  const found = familyOf(configuration.operatingSystem ?? '') ?? familyOn(disk);
  if (said && found && said !== found) list.push({ field: 'operatingSystem', found, said: operatingSystem! });
  return list;
}

type Family = 'Windows' | 'Linux';

function familyOf(name: string): Family | null {
  if (/windows/i.test(name)) return 'Windows';
  return /linux|debian|ubuntu|fedora|suse|red ?hat|rhel|centos|alma|rocky|arch|mint/i.test(name) ? 'Linux' : null;
}

/** Whose file systems there are, where only one of both could live on them. */
function familyOn(disk: DiskView): Family | null {
  const inner = disk.groups.flatMap((group) => group.volumes);
  const kinds = [...disk.volumes, ...inner].map(({ fileSystem }) => fileSystem?.kind ?? '');
  const hasLinux = kinds.some((kind) => /^(ext[234]|xfs|btrfs|swap)$/.test(kind));
  if (kinds.includes('ntfs') === hasLinux) return null;
  return hasLinux ? 'Linux' : 'Windows';
}
