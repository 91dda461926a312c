/** A disk as a person sees it once it is there: with the identifiers that it gets. */
import type { IdentifierChange } from '../../contract/deploy.contract.ts';
import type { DiskView, FileSystemView } from '../../contract/disk.contract.ts';

export function afterIdentifiers(disk: DiskView, identifiers: readonly IdentifierChange[]): DiskView {
  const found = (of: IdentifierChange['of'], volume: string) =>
    identifiers.find((one) => one.of === of && one.volume === volume)?.after;
  const renewed = <V extends { readonly ref: string; readonly fileSystem: FileSystemView | null }>(volume: V): V => {
    const uuid = found('file-system', volume.ref);
    return uuid && volume.fileSystem ? { ...volume, fileSystem: { ...volume.fileSystem, uuid } } : volume;
  };
  return {
    ...disk,
    tableId: found('disk', '') ?? disk.tableId,
    volumes: disk.volumes.map((volume) => ({
      ...renewed(volume),
      partitionUuid: partitionUuid(volume, disk, found('partition', volume.ref), found('disk', '')),
    })),
    groups: disk.groups.map((group) => ({
      ...group,
      uuid: found('volume-group', group.name) ?? group.uuid,
      volumes: group.volumes.map(renewed),
    })),
  };
}

/** In an MBR it is made of the disk's signature. */
function partitionUuid(
  { partitionUuid: before }: DiskView['volumes'][number],
  { table }: DiskView,
  own: string | undefined,
  signature: string | undefined,
): string {
  if (table !== 'mbr' || !signature || before === '') return own ?? before;
  return `${signature.toLowerCase()}${before.slice(signature.length)}`;
}
