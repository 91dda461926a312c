/** Jobs and lines of the audit log as they are shown. */
import type { LogEntry } from '../../contract/commands.ts';
import { JOB_KINDS, JOB_STATES, OUTCOMES, PHASES, READ_BACKS, type JobView } from '../../contract/job.contract.ts';
import type { AuditRecord, JobRecord } from '../records/index.ts';
import { errorView, facts, known, knownOrNull, warningView } from './known.ts';

export function jobView({ error, phases, warnings, result, ...job }: JobRecord): JobView {
  return {
    ...job,
    kind: known(JOB_KINDS, job.kind),
    // what is in a state that is not known does nothing here
    state: knownOrNull(JOB_STATES, job.state) ?? 'ended',
    outcome: job.outcome === null ? null : known(OUTCOMES, job.outcome),
    error: error && errorView(error),
    phases: phases.map((one) => ({ ...one, phase: known(PHASES, one.phase) })),
    progress: null,
    warnings: warnings.map(warningView),
    result: result && { ...result, readBack: known(READ_BACKS, result.readBack) },
  };
}

export function logEntry({ data, ...entry }: AuditRecord): LogEntry {
  return { ...entry, data: facts(data) };
}
