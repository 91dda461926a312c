/** What a command can have to say. JSON prints the value as it is; text has a view for each kind. */
import type {
  CapturePlan,
  CommandResult,
  Comparison,
  DeployPlan,
  DeviceView,
  ExportPlan,
  FileVolumeView,
  ImportPlan,
  ImportView,
  JobView,
  LogEntry,
  MachineProfile,
  HypervisorView,
  NbdView,
  PledgeView,
  ServedMachineView,
  Vm,
  Report,
  TemplateSummary,
  TemplateView,
} from '../../src-engine/contract/index.ts';

/** What a command has done to a template: people are told that alone, programs get the template. */
export interface TemplateDone {
  readonly what: 'edited' | 'deleted' | 'undeleted';
  /** as it was named */
  readonly name: string;
  /** the options that changed it */
  readonly fields?: string[];
}

export type Answer =
  | { kind: 'devices'; value: DeviceView[] }
  | { kind: 'inspection'; value: CommandResult<'source.inspect'> }
  | { kind: 'templates'; value: TemplateSummary[] }
  | { kind: 'template'; value: TemplateView; done?: TemplateDone }
  | { kind: 'capture-plan'; value: CapturePlan }
  | { kind: 'deploy-plan'; value: DeployPlan }
  | { kind: 'import-view'; value: ImportView }
  | { kind: 'import-plan'; value: ImportPlan }
  | { kind: 'export-plan'; value: ExportPlan }
  | { kind: 'job'; value: JobView }
  | { kind: 'jobs'; value: JobView[] }
  | { kind: 'log'; value: LogEntry[] }
  | { kind: 'file-volumes'; value: FileVolumeView[] }
  | { kind: 'files'; value: CommandResult<'files.list'> }
  | { kind: 'report'; value: Report }
  | { kind: 'policies'; value: CommandResult<'policy.list'> }
  | { kind: 'policy'; value: CommandResult<'policy.show'> }
  | { kind: 'machine'; value: MachineProfile }
  | { kind: 'machines'; value: MachineProfile[] }
  | { kind: 'machines-refused'; value: CommandResult<'machine.refused'> }
  | { kind: 'comparison'; value: Comparison }
  | { kind: 'hypervisors'; value: HypervisorView[] }
  | { kind: 'vm'; value: Vm }
  | { kind: 'hosts'; value: string[] }
  | { kind: 'nbd'; value: NbdView }
  | { kind: 'owed'; value: PledgeView[] }
  | { kind: 'served'; value: ServedMachineView[] }
  | { kind: 'serving'; value: { address: string } }
  | { kind: 'completion'; value: { shell: string; script: string } };
