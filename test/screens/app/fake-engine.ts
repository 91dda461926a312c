/** Answers the contract's calls out of a scene. It checks nothing and does nothing: it is there to be looked at. */
import {
  CommandError,
  type CommandName,
  type CommandParams,
  type CommandResult,
  type JobView,
  type Preferences,
  type Request,
  type TemplateView,
} from '../../../src-engine/contract/index.ts';
import type { Connect } from '../../../src-renderer/client/transport.ts';
import { FileError, listFolder, readFile } from './fake-files.ts';
import { fakeEach } from './fake-inside.ts';
import { deleteMachine, HERE, readMachine, saveMachine } from './fake-machines.ts';
import { showPolicy } from './fake-policies.ts';
import { CONSOLE, screenBase64 } from './fake-proof.ts';
import { checkFake } from './fake-reports.ts';
import { lookAtImage, planExport, planImport } from './fake-images.ts';
import type { Scene } from './scene.ts';

/** null: there is no answer yet. What no scene asks for has none at all. */
type Answers = { [C in CommandName]?: (params: never) => CommandResult<C> | null };

class NotThere extends Error {}

function missing(): never {
  throw new NotThere();
}

export function fakeEngine(scene: Scene, preferences: Preferences): Connect {
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
  const imports = scene.jobs.filter(({ kind }) => kind === 'import');
  let importsBegun = 0;

  const answers: Answers = {
    'app.info': () => scene.info,
    'preferences.show': () => ({ ...preferences, isKept: true }),
    'device.list': () => scene.devices,
    'vm.list': ({ host }: CommandParams<'vm.list'>) =>
      scene.hypervisors.filter((one) => host === undefined || one.host === host),
    'host.list': () => [...new Set(scene.hypervisors.flatMap(({ host }) => host ?? []))],
    'host.save': () => [],
    'host.delete': () => [],
    'source.inspect': ({ source }: { source: string }) => scene.inspect(source),
    'folder.list': ({ folder }: { folder: string | null }) => scene.list(folder),
    'capture.plan': (params: CommandParams<'capture.plan'>) => scene.capturePlan(params),
    'capture.start': started,
    'template.list': ({ deleted }: { deleted?: boolean }) => (deleted ? scene.bin : scene.templates),
    'template.show': ({ template }: { template: string }) => templateOf(template),
    'template.edit': ({ template }: { template: string }) => templateOf(template),
    'template.delete': ({ template }: { template: string }) => templateOf(template),
    'template.undelete': ({ template }: { template: string }) => templateOf(template),
    'deploy.plan': (params: CommandParams<'deploy.plan'>) => scene.deployPlan(templateOf(params.template), params),
    'settings.each': fakeEach,
    'password.hash': () => ({ hash: '$6$salt$hash' }),
    'boot.start': started,
    'boot.evidence': () => ({ console: CONSOLE, pictureBase64: screenBase64() }),
    'template.attachment': ({ id }: CommandParams<'template.attachment'>) => ({
      base64: id === 'picture' ? screenBase64() : btoa(CONSOLE),
    }),
    'deploy.startAll': started,
    'files.volumes': () => scene.fileVolumes,
    'files.list': listFolder,
    'files.read': readFile,
    'files.extract': started,
    'files.compare': () => scene.comparison,
    'import.look': (params: CommandParams<'import.look'>) =>
      params.path.includes('slow') ? null : lookAtImage(params),
    'import.plan': planImport,
    'import.start': () => ({ jobId: imports[importsBegun++ % imports.length].id }),
    'export.plan': (params: CommandParams<'export.plan'>) => planExport(params, templateOf(params.template)),
    'export.start': started,
    'report.check': (params: CommandParams<'report.check'>) => checkFake(params, templateOf(params.subject)),
    'report.document': ({ format }: CommandParams<'report.document'>) => ({
      fileName: `report.${format}`,
      mediaType: 'text/plain',
      base64: '',
    }),
    'policy.list': () => scene.policies,
    'policy.show': ({ policy }: CommandParams<'policy.show'>) => showPolicy(policy) ?? missing(),
    'machine.probe': () => (scene.isProbing ? null : HERE),
    'machine.list': () => (scene.machines ?? missing()).slice(),
    'machine.refused': () => scene.refusedMachines ?? [],
    'machine.read': readMachine,
    'machine.save': (params: CommandParams<'machine.save'>) => saveMachine(scene.machines ?? [], params),
    'machine.delete': (params: CommandParams<'machine.delete'>) => deleteMachine(scene.machines ?? [], params),
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
            const value = (answers[command] ?? missing)((params ?? {}) as never);
            if (value !== null) listener?.({ kind: 'result', id, value });
          } catch (thrown) {
            const error =
              thrown instanceof FileError || thrown instanceof CommandError
                ? thrown.view
                : { code: 'NOT_FOUND', message: '', hint: String(thrown), data: {} };
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
