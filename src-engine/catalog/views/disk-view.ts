/** Disks of records as they are shown. */
import { OUTSIDE_CHOICES, OUTSIDE_PLACES, type Account } from '../../contract/account.contract.ts';
import {
  CAPTURED_AS,
  FILE_SYSTEM_KINDS,
  GROUP_KINDS,
  PLACE_KINDS,
  TABLES,
  type DiskView,
  type InnerVolumeView,
  type RecordedPlaceView,
} from '../../contract/disk.contract.ts';
import type { AccountRecord, LayoutRecord, PlaceRecord } from '../records/index.ts';
import { known, warningView } from './known.ts';

export function placeView(place: PlaceRecord): RecordedPlaceView {
  return { ...place, kind: known(PLACE_KINDS, place.kind) };
}

export function layoutView({ volumes, groups, warnings, account, ...disk }: LayoutRecord): DiskView {
  return {
    ...disk,
    table: known(TABLES, disk.table),
    volumes: volumes.map((volume) => ({ ...volume, ...contentView(volume) })),
    groups: groups.map((group) => ({
      ...group,
      kind: known(GROUP_KINDS, group.kind),
      volumes: group.volumes.map((volume) => ({ ...volume, ...contentView(volume) })),
    })),
    warnings: warnings.map(warningView),
    account: account && accountView(account),
  };
}

type Content = Pick<LayoutRecord['volumes'][number], 'fileSystem' | 'captureAs' | 'warnings'>;

function contentView(volume: Content): Pick<InnerVolumeView, keyof Content> {
  const { fileSystem } = volume;
  return {
    fileSystem: fileSystem && { ...fileSystem, kind: known(FILE_SYSTEM_KINDS, fileSystem.kind) },
    captureAs: known(CAPTURED_AS, volume.captureAs),
    warnings: volume.warnings.map(warningView),
  };
}

function accountView(account: AccountRecord): Account {
  return {
    ...account,
    outside: known(OUTSIDE_CHOICES, account.outside),
    pieces: account.pieces.map((piece) => ({ ...piece, place: known(OUTSIDE_PLACES, piece.place) })),
  };
}
