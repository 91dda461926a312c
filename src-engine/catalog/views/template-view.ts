/** Templates and versions of records as they are shown. */
import { FIRMWARES } from '../../contract/machine.contract.ts';
import {
  CONSISTENCIES,
  DISK_ROLES,
  KINDS,
  LICENCES,
  MEDIA,
  PLATFORMS,
  STATUSES,
  VISIBILITIES,
  type RecordedConfiguration,
  type TemplateView,
  type VersionDiskView,
  type VersionSummary,
  type VersionView,
} from '../../contract/template.contract.ts';
import type { ConfigurationRecord, DiskRecord, TemplateRecord, VersionRecord } from '../records/index.ts';
import { layoutView, placeView } from './disk-view.ts';
import { definitionView, guestView, machineView } from './guest-view.ts';
import { known, knownOrNull, warningView } from './known.ts';

/** Without what only its record has. */
export function templateView(record: TemplateRecord): Omit<TemplateView, 'versions'> {
  const { deletedVersions: _, manifests: __, revision: ___, ...template } = record;
  return {
    ...template,
    kind: known(KINDS, template.kind),
    status: known(STATUSES, template.status),
    visibility: known(VISIBILITIES, template.visibility),
    licence: known(LICENCES, template.licence),
  };
}

function configurationView(configuration: ConfigurationRecord): RecordedConfiguration {
  return { ...configuration, bootMode: knownOrNull(FIRMWARES, configuration.bootMode) };
}

/** What the database knows of a disk beside its record. */
export type DiskState = Pick<VersionDiskView, 'health' | 'verifiedAt'>;

/** @param states of its disks, in their order */
export function versionView(record: VersionRecord, states: readonly DiskState[]): VersionView {
  return {
    ...versionSummary(record, states),
    guest: record.guest && guestView(record.guest),
    machine: record.machine && machineView(record.machine),
    definition: record.definition && definitionView(record.definition),
  };
}

export function versionSummary(
  record: Omit<VersionRecord, 'guest' | 'machine' | 'definition'>,
  states: readonly DiskState[],
): VersionSummary {
  const { number, createdAt, storedBytes, newBytes, configuration } = record;
  const attachments = record.attachments.map(({ file: id, sha256: _, ...attachment }) => ({ ...attachment, id }));
  const disks = record.disks.map((disk, i) => versionDisk(disk, states[i]));
  return {
    ...{ number, createdAt, storedBytes, newBytes, disks, attachments },
    warnings: record.warnings.map(warningView),
    medium: known(MEDIA, record.medium),
    configuration: configurationView(configuration),
    platform: knownOrNull(PLATFORMS, record.platform),
    consistency: record.moment ? known(CONSISTENCIES, record.moment.consistency) : null,
    capacityBytes: disks.reduce((sum, { capacityBytes }) => sum + capacityBytes, 0),
    usedBytes: disks.reduce((sum, { usedBytes }) => sum + usedBytes, 0),
    ...stateOf(disks),
  };
}

function versionDisk({ manifest: _, role, source, layout, ...disk }: DiskRecord, state: DiskState): VersionDiskView {
  return {
    ...disk,
    role: known(DISK_ROLES, role),
    source: placeView(source),
    layout: layoutView(layout),
    capacityBytes: layout.lengthBytes,
    usedBytes: layout.usedBytes,
    ...state,
  };
}

/** A version is as its disks are. */
function stateOf(disks: readonly DiskState[]): DiskState {
  const isOne = (health: DiskState['health']) => disks.some((disk) => disk.health === health);
  const times = disks.map(({ verifiedAt }) => verifiedAt);
  return {
    health: (['damaged', 'unknown', 'unverified'] as const).find(isOne) ?? 'verified',
    verifiedAt: times.includes(null) ? null : times.sort()[0],
  };
}
