/**
 * What stands in a list for a row that is damaged, or that a later Diskpress wrote in a way of its own: what can be told of it, marked
 * so, so that it hides nothing else.
 */
import { EngineError } from '../core/engine-error.ts';
import type { LogEntry } from '../contract/commands.ts';
import { JobViewSchema, type JobView } from '../contract/job.contract.ts';
import {
  NOTHING_RECORDED,
  TemplateViewSchema,
  type TemplateView,
  type VersionDiskView,
  type VersionView,
} from '../contract/template.contract.ts';

const NO_DATE = '1970-01-01T00:00:00.000Z';
const NO_ID = '00000000-0000-4000-8000-000000000000';
const ROW = 'damaged';

export function damagedRow(what: string): EngineError {
  return new EngineError('CATALOG_DAMAGED', { path: 'catalog.db', reason: what }, 'Run: diskpress repair');
}

const NO_SECTORS = { lengthBytes: 0, sectorBytes: 512, physicalSectorBytes: 512 };

const NO_DISK: Omit<VersionDiskView, 'health'> = {
  role: 'unknown',
  bus: null,
  address: null,
  source: { kind: 'unknown', path: '', model: '', serial: '', ...NO_SECTORS },
  layout: {
    ...NO_SECTORS,
    table: 'none',
    tableId: '',
    volumes: [],
    groups: [],
    account: null,
    usedBytes: 0,
    warnings: [],
  },
  damage: null,
  capacityBytes: 0,
  usedBytes: 0,
  verifiedAt: null,
};

/** @param number as its row says @param health `unknown`: what is in it only a later Diskpress can read */
export function untoldVersion(number: unknown, health: 'damaged' | 'unknown'): VersionView {
  return {
    number: typeof number === 'number' && Number.isSafeInteger(number) && number > 0 ? number : 1,
    createdAt: NO_DATE,
    disks: [{ ...NO_DISK, health }],
    warnings: [],
    medium: 'disk',
    configuration: NOTHING_RECORDED,
    guest: null,
    platform: null,
    machine: null,
    definition: null,
    consistency: null,
    capacityBytes: 0,
    usedBytes: 0,
    storedBytes: 0,
    newBytes: 0,
    attachments: [],
    health,
    verifiedAt: null,
  };
}

/** @param fields as far as they can be read */
export function damagedTemplate(fields: Partial<Record<keyof TemplateView, unknown>>): Omit<TemplateView, 'versions'> {
  const { shape } = TemplateViewSchema;
  const pick = <K extends keyof TemplateView>(key: K, otherwise: TemplateView[K]): TemplateView[K] => {
    const parsed = shape[key].safeParse(fields[key]);
    return parsed.success ? (parsed.data as TemplateView[K]) : otherwise;
  };
  return {
    id: pick('id', NO_ID),
    name: pick('name', ROW),
    note: pick('note', ''),
    tags: pick('tags', []),
    kind: pick('kind', 'unknown'),
    status: pick('status', 'disabled'),
    visibility: pick('visibility', 'private'),
    licence: pick('licence', 'own'),
    owner: pick('owner', ''),
    sharedWith: pick('sharedWith', []),
    policy: pick('policy', null),
    createdAt: pick('createdAt', NO_DATE),
    updatedAt: pick('updatedAt', NO_DATE),
    deletedAt: pick('deletedAt', null),
  };
}

export function damagedJob(): JobView {
  return {
    id: NO_ID,
    kind: 'repair',
    templateName: '',
    path: '',
    state: 'ended',
    waitsFor: null,
    outcome: 'failed',
    error: damagedRow('row of a job').toView(),
    createdAt: NO_DATE,
    startedAt: null,
    endedAt: null,
    phases: [],
    progress: null,
    warnings: [],
    result: null,
    parts: [],
  };
}

/** What a later Diskpress wrote of a job. @param fields that stand beside its record */
export function laterJob({ id, createdAt }: { id: string; createdAt: string }): JobView {
  const { shape } = JobViewSchema;
  return {
    ...damagedJob(),
    id: shape.id.catch(NO_ID).parse(id),
    createdAt: shape.createdAt.catch(NO_DATE).parse(createdAt),
    kind: 'unknown',
    outcome: 'unknown',
    error: null,
  };
}

export function damagedEntry(id: unknown): LogEntry {
  const safeId = typeof id === 'number' && Number.isSafeInteger(id) ? id : 0;
  return { id: safeId, at: NO_DATE, user: '', action: 'row.damaged', subject: '', data: {} };
}
