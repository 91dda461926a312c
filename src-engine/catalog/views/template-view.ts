/** Templates and versions of records as they are shown. */
import {
  FIRMWARES,
  KINDS,
  LICENCES,
  MEDIA,
  PLATFORMS,
  STATUSES,
  VISIBILITIES,
  type RecordedConfiguration,
  type TemplateView,
  type VersionSummary,
  type VersionView,
} from '../../contract/template.contract.ts';
import type { ConfigurationRecord, TemplateRecord, VersionRecord } from '../records/index.ts';
import { layoutView, placeView } from './disk-view.ts';
import { guestView, machineView } from './guest-view.ts';
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

export function configurationView(configuration: ConfigurationRecord): RecordedConfiguration {
  return { ...configuration, bootMode: knownOrNull(FIRMWARES, configuration.bootMode) };
}

/** What the database knows of a version beside its record. */
export type VersionState = Pick<VersionView, 'health' | 'verifiedAt'>;

export function versionView(record: VersionRecord, state: VersionState): VersionView {
  return {
    ...versionSummary(record, state),
    guest: record.guest && guestView(record.guest),
    machine: record.machine && machineView(record.machine),
  };
}

export function versionSummary(record: Omit<VersionRecord, 'guest' | 'machine'>, state: VersionState): VersionSummary {
  const { number, createdAt, damage, capacityBytes, usedBytes, storedBytes, newBytes, configuration } = record;
  return {
    ...{ number, createdAt, damage, capacityBytes, usedBytes, storedBytes, newBytes },
    source: placeView(record.source),
    disk: layoutView(record.disk),
    warnings: record.warnings.map(warningView),
    medium: known(MEDIA, record.medium),
    configuration: configurationView(configuration),
    platform: knownOrNull(PLATFORMS, record.platform),
    ...state,
  };
}
