/** Answers the contract's calls out of a scene. It checks nothing and does nothing: it is there to be looked at. */
import type { CommandName, CommandResult, JobView, Request, TemplateView } from '../../src-engine/contract/index.ts';
import type { Connect } from '../client/transport.ts';
import type { Scene } from './scenes.ts';

type Answers = { [C in CommandName]: (params: never) => CommandResult<C> };

class NotThere extends Error {}

export function fakeEngine(scene: Scene): Connect {
  const jobById = (id: string): JobView => {
    const job = scene.jobs.find((one) => one.id === id);
    if (!job) throw new NotThere();
    return job;
  };
  const templateOf = (reference: string): TemplateView => {
    const id = reference.split('@')[0];
    const template = scene.templates.find((one) => one.id === id || one.name === id);
    if (!template) throw new NotThere();
    return template;
  };
  const started = () => ({ jobId: scene.jobs[0].id });

  const answers: Answers = {
    'app.info': () => scene.info,
    'device.list': () => scene.devices,
    'source.inspect': ({ source }: { source: string }) => scene.inspect(source),
    'folder.list': ({ folder }: { folder: string | null }) => scene.list(folder),
    'capture.plan': (params: { source: string; name: string }) => scene.capturePlan(params),
    'capture.start': started,
    'template.list': ({ deleted }: { deleted?: boolean }) => (deleted ? scene.bin : scene.templates),
    'template.show': ({ template }: { template: string }) => templateOf(template),
    'template.edit': ({ template }: { template: string }) => templateOf(template),
    'template.delete': ({ template }: { template: string }) => templateOf(template),
    'template.undelete': ({ template }: { template: string }) => templateOf(template),
    'deploy.plan': (params: { template: string; target: string }) =>
      scene.deployPlan(templateOf(params.template), params.target),
    'deploy.start': started,
    'verify.start': started,
    'prune.start': started,
    'repair.start': started,
    'job.list': () => scene.jobs,
    'job.show': ({ jobId }: { jobId: string }) => jobById(jobId),
    'job.cancel': ({ jobId }: { jobId: string }) => jobById(jobId),
    'log.list': () => scene.log,
  };

  return () =>
    Promise.resolve({
      send(request: Request) {
        if (request.verb !== 'call') return;
        const { id, command, params } = request;
        queueMicrotask(() => {
          try {
            listener?.({ kind: 'result', id, value: answers[command]((params ?? {}) as never) });
          } catch (thrown) {
            const error = scene.error ?? { code: 'NOT_FOUND', message: '', hint: String(thrown), data: {} };
            listener?.({ kind: 'error', id, error });
          }
        });
      },
      receive(to: (message: unknown) => void) {
        listener = to;
        if (scene.isLost) setTimeout(() => to(null), 300);
      },
    });
}

let listener: ((message: unknown) => void) | null = null;
