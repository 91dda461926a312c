/** What can be done once a job has ended: the same again where it did not end well, or the same to another disk. Pure. */
import type { RouteLocationRaw } from 'vue-router';
import type { JobView } from '../../../src-engine/contract/index.ts';

type Way = { readonly to: RouteLocationRaw; readonly isOther: boolean } | { readonly command: AgainCommand };
export type AgainCommand =
  'verify.start' | 'prune.start' | 'repair.start' | 'boot.start' | 'files.extract' | 'vm.stream';

/**
 * @param templateId of the template that it was about; null: there is none
 * @param hasDraft this tab knows all that was chosen; else as much as the job says of itself
 * @returns null: nothing to offer
 */
export function againOf(job: JobView, templateId: string | null, hasDraft: boolean): Way | null {
  const { id, kind, path, parts } = job;
  if (job.state !== 'ended') return null;
  if (job.outcome === 'done') {
    if (kind !== 'deploy' || templateId === null) return null;
    return { to: { name: 'deploy', query: { template: templateId } }, isOther: true };
  }
  const same = (to: RouteLocationRaw): Way => ({ to, isOther: false });
  switch (kind) {
    case 'boot':
      return path !== '' || templateId !== null ? { command: 'boot.start' } : null;
    case 'extract':
      return hasDraft ? { command: 'files.extract' } : null;
    case 'stream':
      return { command: 'vm.stream' };
    case 'export': {
      const query = hasDraft ? { again: id } : {};
      return templateId === null ? null : same({ name: 'export', params: { id: templateId }, query });
    }
    default:
  }
  if (hasDraft) return same({ name: kind, query: { again: id } });
  switch (kind) {
    case 'capture': {
      const [source = path, ...other] = parts.map((part) => part.path);
      return same({ name: 'capture', query: { source, other, name: job.templateName } });
    }
    case 'import':
      return same({ name: 'import', query: { path } });
    case 'deploy': {
      const target = parts.length > 1 ? undefined : path;
      return templateId === null ? null : same({ name: 'deploy', query: { template: templateId, target } });
    }
    case 'verify':
    case 'prune':
    case 'repair':
      return { command: `${kind}.start` };
    default:
      return null;
  }
}
