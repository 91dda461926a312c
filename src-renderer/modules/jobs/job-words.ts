/** What a job is called, how it stands, and what came of it, in words. */
import { useI18n } from 'vue-i18n';
import {
  jobShare,
  partShare,
  type JobAbout,
  type JobPart,
  type JobResult,
  type JobView,
} from '../../../src-engine/contract/index.ts';
import { useEngine } from '../../client/engine.store.ts';
import { useFormat } from '../../client/format.ts';
import { useWords } from '../../client/words.ts';

type Doing = Pick<JobView, 'state' | 'progress'> & Partial<Pick<JobView, 'parts'>>;

/** Call it in a component's set-up. */
export function useJobWords() {
  const { t } = useI18n();
  const format = useFormat();
  const words = useWords();
  const engine = useEngine();

  function title(job: JobAbout) {
    const facts = { name: job.templateName, path: job.diskName ?? job.path };
    if (job.kind === 'verify' && !job.templateName) return t('job.title.verifyAll');
    if (job.kind === 'boot' && !job.templateName) return t('job.title.bootPlace', facts);
    return t(`job.title.${job.kind}`, facts);
  }

  /** `Writing`; of several parts how many are behind it */
  function doing({ state, progress, parts = [] }: Doing) {
    if (state === 'queued') return t('phase.waiting');
    if (parts.length > 1) {
      return t('job.partsEnded', { done: parts.filter((one) => one.state === 'ended').length, n: parts.length });
    }
    return progress ? t(`phase.${progress.phase}`) : t('job.starting');
  }
  const withShare = (what: string, share: number | null) =>
    share === null ? what : t('job.phaseShare', { phase: what, share: format.percent(share) });
  /** `Writing · 43 %`, of the whole job */
  const phase = (job: JobView) => (job.state === 'queued' ? doing(job) : withShare(doing(job), jobShare(job)));

  /** What one that is queued waits for, and whose it is. */
  function waits({ waitsFor }: JobView) {
    if (!waitsFor) return '';
    return t(`waits.${waitsFor.claim}`, { what: waitsFor.what, jobs: format.list(waitsFor.jobs.map(title)) });
  }

  /** `38 MB/s · 8 min left · the target is slow` */
  function pace({ state, progress }: Pick<JobView, 'state' | 'progress'>) {
    if (state === 'running' && engine.isAway) return t('job.noNews');
    if (state !== 'running' || !progress) return '';
    const parts: string[] = [];
    if (progress.bytesPerSecond > 0) parts.push(format.rate(progress.bytesPerSecond));
    if (progress.etaMs !== null) parts.push(t('job.left', { time: format.estimate(progress.etaMs) }));
    if (progress.slowest) parts.push(t(`job.slow.${progress.slowest}`));
    return parts.join(' · ');
  }

  /** What came of it, in one sentence. */
  function verdict(job: JobView) {
    if (job.outcome === null) return '';
    if (job.outcome === 'failed' && job.error) return words.error(job.error).what;
    if (job.outcome !== 'done' || !job.result) return t(`outcome.${job.outcome}`);
    const { result } = job;
    if (job.kind === 'verify' && result.damagedTemplates.length) {
      return t('job.verdict.damaged', { names: format.list(result.damagedTemplates) });
    }
    const notProven = job.kind === 'deploy' ? 'proof.notProvenDeploy' : 'proof.notProvenOf';
    return result.notProven ? t(notProven, { what: did(job.kind, result) }) : did(job.kind, result);
  }

  /** What was done, in numbers. */
  const did = (kind: JobView['kind'], result: JobResult) => {
    const { processedBytes, writtenBytes = 0, storedBytes, verifiedBytes, isOverTemplate } = result;
    if (isOverTemplate) return t('job.verdict.overTemplate', { written: format.bytes(writtenBytes) });
    return t(`job.verdict.${kind}`, {
      processed: format.bytes(processedBytes),
      stored: format.bytes(storedBytes),
      verified: format.bytes(verifiedBytes),
    });
  };

  /** How one target or disk of several stands, or what came of it. */
  function part(part: JobPart, kind: JobView['kind']) {
    if (part.state !== 'ended') {
      const now = part.state === 'queued' ? doing(part) : withShare(doing(part), partShare(kind, part));
      return [now, pace(part)].filter((text) => text !== '').join(' · ');
    }
    if (part.error && part.outcome === 'failed') return words.error(part.error).what;
    if (part.result?.notProven && kind === 'deploy')
      return t('proof.notProvenDeploy', { what: did(kind, part.result) });
    return part.outcome === 'done' && part.result ? did(kind, part.result) : t(`outcome.${part.outcome}`);
  }

  /** What a cancelled or lost job leaves differs where there are several targets: some may be finished. */
  const kindOf = ({ kind, parts }: JobView) => (kind === 'deploy' && parts.length > 1 ? 'deployAll' : kind);
  const cancelling = (job: JobView) => t(`job.cancel.${kindOf(job)}`);
  const left = (job: JobView) => t(`job.after.${job.outcome}.${kindOf(job)}`);

  /** How the target was read back, in one sentence; empty where there was no target. */
  function readBack(job: JobView) {
    if (job.kind !== 'deploy' || job.outcome !== 'done' || !job.result || job.result.isOverTemplate) return '';
    return t(`job.readBack.${job.result.readBack}`, { verified: format.bytes(job.result.verifiedBytes) });
  }

  /** Everything about a job as plain text, for a report. */
  function asText(job: JobView) {
    const said = (fact: string, value: string) => t('report.said', { fact, value });
    const lines = [title(job), said(t('job.id'), job.id)];
    if (job.startedAt) lines.push(said(t('job.started'), job.startedAt));
    if (job.endedAt) lines.push(said(t('job.ended'), job.endedAt));
    lines.push(...job.phases.map((one) => said(t(`phase.${one.phase}`), format.duration(one.elapsedMs))));
    if (job.waitsFor) lines.push(waits(job));
    if (job.parts.length > 1) lines.push(...job.parts.map((one) => said(one.path, part(one, job.kind))));
    if (job.outcome) lines.push('', verdict(job), readBack(job));
    if (job.error) {
      const parts = words.error(job.error);
      lines.push(parts.state, parts.todo, '', job.error.code, JSON.stringify(job.error.data), job.error.hint);
    }
    if (job.warnings.length) lines.push('', ...job.warnings.map((one) => `${one.code}: ${words.warning(one)}`));
    return lines.filter((line, i) => line || lines[i - 1]).join('\n');
  }

  return { title, doing, phase, waits, pace, part, verdict, cancelling, left, readBack, asText };
}
