/**
 * What was chosen in a wizard, kept by this tab alone: a page that is loaded anew shows it again, and what did not end well is tried
 * again with the same choices. No secrets are in it: whoever gives a draft leaves them out.
 */
import { watch } from 'vue';

const MOST_JOBS = 20;
const CURRENT = 'diskpress.draft';
const OF_JOBS = 'diskpress.job-drafts';

interface Draft {
  wizard: string;
  form: unknown;
}

function read<T>(key: string, otherwise: T): T {
  try {
    return (JSON.parse(sessionStorage.getItem(key) ?? 'null') as T | null) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function write(key: string, value: unknown) {
  try {
    sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // without storage, or where it is full, a page that is loaded anew begins anew
  }
}

const ofJobs = () => read<[string, Draft][]>(OF_JOBS, []);

/**
 * @param query of the page's address: `again`, a job that was started in this tab, or `step`, which only a page that is loaded anew has
 * @returns what was chosen; null: it begins anew
 */
export function draftFor<T>(wizard: string, query: Record<string, unknown>): Partial<T> | null {
  const again = query['again'];
  const draft =
    typeof again === 'string' && query['step'] === undefined
      ? draftOf(again, wizard)
      : query['step'] !== undefined && read<Draft | null>(CURRENT, null);
  return draft && draft.wizard === wizard ? (draft.form as Partial<T>) : null;
}

/** Keeps what is chosen from now on. Call it in a component's set-up. */
export function keepDraft(wizard: string, form: () => unknown): void {
  watch(form, (now) => write(CURRENT, { wizard, form: now }), { deep: true, immediate: true });
}

/**
 * A job was started with what is chosen now, or with what is given.
 * @param own of a kind that no wizard asks for: what its command was given
 */
export function keepDraftOf(jobId: string, own?: Draft): void {
  const draft = own ?? read<Draft | null>(CURRENT, null);
  if (draft) write(OF_JOBS, [...ofJobs(), [jobId, draft]].slice(-MOST_JOBS));
}

/** Begins a job of a kind that no wizard asks for: what its command is given is kept, since it may have to be tried again. */
export async function startKept<T extends { readonly jobId: string }>(
  wizard: string,
  form: unknown,
  begin: () => Promise<T>,
): Promise<T> {
  const started = await begin();
  keepDraftOf(started.jobId, { wizard, form });
  return started;
}

/** @returns what a job of this kind was started with in this tab */
export const askedOf = <T>(jobId: string, wizard: string): T | null => (draftOf(jobId, wizard)?.form as T) ?? null;

const draftOf = (jobId: string, wizard: string) =>
  ofJobs().find(([id, draft]) => id === jobId && draft.wizard === wizard)?.[1];

export const hasDraft = (jobId: string, wizard: string): boolean => draftOf(jobId, wizard) !== undefined;
