/** What the log keeps of work that came to nothing: who wanted what, on which target, and why it did not come to be. */
import type { MessageData } from '../contract/errors.ts';
import type { JobPart, JobView } from '../contract/job.contract.ts';

export interface UndoneEntry {
  readonly action: 'job.failed' | 'job.aborted' | 'job.lost';
  readonly subject: string;
  readonly data: MessageData;
}

/** Those whose success stands in the log, too; what a verify finds stands there by itself. */
const KINDS: readonly JobView['kind'][] = ['capture', 'import', 'deploy', 'export', 'prune', 'repair'];
/** Each of their parts is a thing by itself: one may be done where another has failed. */
const OF_PARTS: readonly JobView['kind'][] = ['deploy', 'export'];
const OUTCOMES = ['failed', 'aborted', 'lost'] as const;
/** Of a fact that goes into the log. */
const MAX_CHARACTERS = 1000;
const MAX_LISTED = 50;

/** @returns one for each target that was not finished, or one for the job where its parts make one thing; none where all was done */
export function entriesOfUndone(job: JobView): UndoneEntry[] {
  if (!KINDS.includes(job.kind)) return [];
  const ends = OF_PARTS.includes(job.kind) && job.parts.length > 0 ? job.parts : [job];
  return ends.flatMap((end) => entryOf(job, end) ?? []);
}

function entryOf(
  { kind, templateName }: JobView,
  { outcome, path, error }: Pick<JobPart, 'outcome' | 'path' | 'error'>,
): UndoneEntry | null {
  const known = OUTCOMES.find((one) => one === outcome);
  if (known === undefined) return null;
  // the error's facts, for its words; what it was about under names that no error has
  const facts = Object.entries(error?.data ?? {}).map(([key, value]) => [key, short(value)] as const);
  return {
    action: `job.${known}`,
    subject: templateName,
    data: { ...Object.fromEntries(facts), job: kind, place: path, error: error?.code ?? '' },
  };
}

function short(value: MessageData[string]): MessageData[string] {
  if (Array.isArray(value)) return value.slice(0, MAX_LISTED).map((one) => one.slice(0, MAX_CHARACTERS));
  return typeof value === 'string' ? value.slice(0, MAX_CHARACTERS) : value;
}
