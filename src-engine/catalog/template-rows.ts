/** Rows of templates, versions and their disks, and what is made of them where they are what was written, and where not. */
import { z } from 'zod';
import { EngineError, isLater } from '../core/engine-error.ts';
import { HEALTHS, type TemplateView, type VersionSummary, type VersionView } from '../contract/template.contract.ts';
import { damagedRow, untoldVersion } from './damaged-rows.ts';
import { readTemplate, readVersion, trustedVersion, type TemplateRecord, type VersionRecord } from './records/index.ts';
import { soundness } from './row-sum.ts';
import { known } from './views/known.ts';
import { versionSummary, versionView, type DiskState } from './views/template-view.ts';

export interface TemplateRow {
  id: string;
  name: string;
  note: string;
  tags: string;
  kind: string;
  status: string;
  visibility: string;
  licence: string;
  owner: string;
  shared_with: string;
  policy: string | null;
  created_at: string;
  updated_at: string;
  deleted_at: string | null;
  revision: number;
  is_sound: number;
}

export interface VersionRow {
  template_id: string;
  number: number;
  record: string;
  deleted_at: string | null;
  is_sound: number;
}

export interface DiskRow {
  template_id: string;
  number: number;
  place: number;
  manifest: string;
  health: string;
  verified_at: string | null;
  is_sound: number;
}

/** A version's row, and those of its disks in their order. */
interface VersionRows {
  readonly row: VersionRow;
  readonly disks: readonly DiskRow[];
}

/** Rows with whether they are what was written. */
export const TEMPLATES = `SELECT template.*, ${soundness('template')} AS is_sound FROM template`;
export const VERSIONS = `SELECT version.*, ${soundness('version')} AS is_sound FROM version`;
export const DISKS = `SELECT disk.*, ${soundness('disk')} AS is_sound FROM disk`;

/** As they lie in the row, whatever that is. */
export function rawFields(row: TemplateRow): Record<keyof Omit<TemplateView, 'versions'> | 'revision', unknown> {
  return {
    id: row.id,
    name: row.name,
    note: row.note,
    tags: parsed(row.tags),
    kind: row.kind,
    status: row.status,
    visibility: row.visibility,
    licence: row.licence,
    owner: row.owner,
    sharedWith: parsed(row.shared_with),
    policy: row.policy,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    deletedAt: row.deleted_at,
    revision: row.revision,
  };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

/** What stands in its row, without what its versions' rows say. @returns null where the row is not what was written */
export function fieldsOf(row: TemplateRow): TemplateRecord | null {
  if (row.is_sound !== 1) return null;
  try {
    return readTemplate({ ...rawFields(row), deletedVersions: [] });
  } catch {
    return null;
  }
}

/** @throws EngineError `CATALOG_DAMAGED` where the row is not what was written; `CATALOG_TOO_NEW` where a later Diskpress wrote it */
export function recordOf(rows: VersionRows): VersionRecord {
  const { number } = rows.row;
  const record = readOrNull(rows, readVersion);
  if (record?.number !== number) throw damagedRow(`row of version ${String(number)}`);
  return record;
}

/**
 * @param read what makes a record of JSON
 * @returns null where a row is not what was written, or the record and the rows of the disks do not agree
 * @throws EngineError `CATALOG_TOO_NEW`
 */
function readOrNull<R extends Pick<VersionRecord, 'disks'>>(
  { row, disks }: VersionRows,
  read: (json: unknown, manifest: string) => R,
): R | null {
  if (row.is_sound !== 1 || disks.length === 0 || disks.some((disk) => disk.is_sound !== 1)) return null;
  try {
    const record = read(parsed(row.record), disks[0].manifest);
    const isSame = record.disks.every(({ manifest }, i) => manifest === disks[i]?.manifest && disks[i].place === i);
    return isSame && record.disks.length === disks.length ? record : null;
  } catch (error) {
    if (isLater(error)) throw new EngineError(error.code, { ...error.data, path: 'catalog.db' });
    return null;
  }
}

const StatesSchema = z.array(
  z.object({ health: z.string().transform((word) => known(HEALTHS, word)), verifiedAt: z.iso.datetime().nullable() }),
);

/** @throws EngineError `CATALOG_DAMAGED` where the row is not what was written; `CATALOG_TOO_NEW` */
export function toVersionView(rows: VersionRows): VersionView {
  const states = statesOf(rows);
  if (states === null) throw damagedRow(`row of version ${String(rows.row.number)}`);
  return versionView(recordOf(rows), states);
}

function statesOf({ disks }: VersionRows): DiskState[] | null {
  const states = StatesSchema.safeParse(disks.map(({ health, verified_at: verifiedAt }) => ({ health, verifiedAt })));
  return states.success ? states.data : null;
}

/** For lists, where one bad row must not hide the others. */
export function shownVersion(rows: VersionRows): VersionView {
  try {
    return toVersionView(rows);
  } catch (error) {
    return untoldVersion(rows.row.number, isLater(error) ? 'unknown' : 'damaged');
  }
}

/** @param isSound false: its template's row is not what was written */
export function summaryOf(rows: VersionRows, isSound: boolean): VersionSummary {
  const states = statesOf(rows);
  let record: ReturnType<typeof trustedVersion> | null;
  try {
    record = readOrNull(rows, trustedVersion);
  } catch {
    return untoldSummary(rows.row.number, 'unknown');
  }
  if (!record || !states) return untoldSummary(rows.row.number, 'damaged');
  const summary = versionSummary(record, states);
  return isSound ? summary : { ...summary, health: 'damaged' };
}

function untoldSummary(number: unknown, health: 'damaged' | 'unknown'): VersionSummary {
  const { guest: _, machine: __, ...summary } = untoldVersion(number, health);
  return summary;
}

export const noVersion = () => untoldSummary(1, 'damaged');
