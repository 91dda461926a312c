/** What the made-up engine of a state knows and answers. */
import type {
  CapturePlan,
  CommandParams,
  CommandResult,
  Comparison,
  DeployPlan,
  DeviceView,
  HypervisorView,
  ErrorView,
  FileVolumeView,
  JobView,
  LogEntry,
  MachineProfile,
  TemplateView,
} from '../../../src-engine/contract/index.ts';

export interface Scene {
  info: CommandResult<'app.info'>;
  devices: DeviceView[];
  hypervisors: HypervisorView[];
  templates: TemplateView[];
  bin: TemplateView[];
  jobs: JobView[];
  log: LogEntry[];
  isLost?: boolean;
  inspect(source: string): CommandResult<'source.inspect'>;
  list(folder: string | null): CommandResult<'folder.list'>;
  capturePlan(params: CommandParams<'capture.plan'>): CapturePlan;
  deployPlan(template: TemplateView, params: CommandParams<'deploy.plan'>): DeployPlan;
  fileVolumes: FileVolumeView[];
  /** null: they cannot be listed */
  machines: MachineProfile[] | null;
  refusedMachines?: ErrorView[];
  isProbing?: boolean;
  policies: CommandResult<'policy.list'>;
  /** null: it is still being compared */
  comparison: Comparison | null;
}
