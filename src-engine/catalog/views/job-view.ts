/** Jobs and lines of the audit log as they are shown. */
import { ACCELERATORS, BOOT_SIGNS, DISK_BUSES } from '../../contract/boot.contract.ts';
import type { LogEntry } from '../../contract/commands.ts';
import {
  CHANGE_REASONS,
  ID_OWNERS,
  IDENTITIES,
  RENEWAL_REASONS,
  GUEST_CHANGE_KINDS,
  type InsideChanges,
} from '../../contract/deploy.contract.ts';
import {
  CLAIM_KINDS,
  JOB_KINDS,
  JOB_STATES,
  OUTCOMES,
  PHASES,
  READ_BACKS,
  type JobPart,
  type JobResult,
  type JobView,
} from '../../contract/job.contract.ts';
import { FIRMWARES } from '../../contract/machine.contract.ts';
import type { AuditRecord, JobRecord } from '../records/index.ts';
import { errorView, facts, known, knownOrNull, warningView } from './known.ts';

type PartRecord = JobRecord['parts'][number];

export function jobView({ warnings, waitsFor, parts, hasLeftovers: _, user: __, ...job }: JobRecord): JobView {
  return {
    ...job,
    ...endView(job),
    kind: known(JOB_KINDS, job.kind),
    waitsFor: waitsFor && {
      claim: known(CLAIM_KINDS, waitsFor.claim),
      what: waitsFor.what,
      jobs: waitsFor.jobs.map((one) => ({ ...one, kind: known(JOB_KINDS, one.kind) })),
    },
    warnings: warnings.map(warningView),
    parts: parts.map(({ path, disk, planId, identity, ...part }) => ({
      ...{ path, disk, planId },
      ...(identity && { identity: known(IDENTITIES, identity) }),
      ...endView(part),
    })),
  };
}

/** What a job and each of its parts have alike. */
function endView({ state, outcome, error, phases, result }: Omit<PartRecord, 'path'>): Omit<JobPart, 'path'> {
  return {
    // what is in a state that is not known does nothing here
    state: knownOrNull(JOB_STATES, state) ?? 'ended',
    outcome: outcome === null ? null : known(OUTCOMES, outcome),
    error: error && errorView(error),
    phases: phases.map((one) => ({ ...one, phase: known(PHASES, one.phase) })),
    progress: null,
    result: result && resultView(result),
  };
}

function resultView({ boot, inside, notProven, ...result }: NonNullable<PartRecord['result']>): JobResult {
  return {
    ...result,
    readBack: known(READ_BACKS, result.readBack),
    ...(inside && { inside: insideView(inside) }),
    ...(notProven && { notProven: errorView(notProven) }),
    ...(boot && {
      boot: {
        ...boot,
        sign: known(BOOT_SIGNS, boot.sign),
        firmware: known(FIRMWARES, boot.firmware),
        accelerator: known(ACCELERATORS, boot.accelerator),
        bus: boot.bus === undefined ? undefined : known(DISK_BUSES, boot.bus),
        busesWithoutRoot: boot.busesWithoutRoot?.map((bus) => known(DISK_BUSES, bus)),
      },
    }),
  };
}

function insideView({
  changes,
  identifiers,
  ...counts
}: NonNullable<NonNullable<PartRecord['result']>['inside']>): InsideChanges {
  const told = changes.map((change) => ({
    ...change,
    reason: known(CHANGE_REASONS, change.reason),
    kind: known(GUEST_CHANGE_KINDS, change.kind),
  }));
  const renewed = identifiers.map((one) => ({
    ...one,
    reason: known(RENEWAL_REASONS, one.reason),
    of: known(ID_OWNERS, one.of),
  }));
  return { changes: told, identifiers: renewed, ...counts };
}

export function logEntry({ data, ...entry }: AuditRecord): LogEntry {
  return { ...entry, data: facts(data) };
}
