/** What an operation is, and what each of them is given of the engine. */
import type { CheckedParams, CommandName, CommandResult } from '../../contract/commands.ts';
import type { MessageData } from '../../contract/errors.ts';
import type { PreferencesView } from '../../contract/preferences.contract.ts';
import type { TemplateView } from '../../contract/template.contract.ts';
import type { OpenTemplates } from '../../browsing/open-templates.ts';
import type { BootEvidenceKeeper } from '../boot-evidence.ts';
import type { CatalogHandle } from '../catalog-handle.ts';
import type { JobRunner } from '../job-runner.ts';
import type { NbdServers } from '../nbd-servers.ts';
import type { PledgeKeeper } from '../pledge-keeper.ts';
import type { PreferencesKeeper } from '../preferences-keeper.ts';
import type { ServedMachines } from '../served-machines.ts';
import type { Uploads } from '../uploads.ts';

export type Operations<C extends CommandName = CommandName> = {
  [N in C]: (params: CheckedParams<N>, signal: AbortSignal) => Promise<CommandResult<N>> | CommandResult<N>;
};

export interface Host {
  readonly version: string;
  readonly catalogPath: string;
  /** folder of what comes with Diskpress */
  readonly resourcesPath: string;
  readonly commandAsRoot: string | null;
  readonly catalog: CatalogHandle;
  readonly jobs: JobRunner;
  /** what machines of boot proofs showed and said */
  readonly evidence: BootEvidenceKeeper;
  /** templates that are being looked into */
  readonly files: OpenTemplates;
  /** versions that are served to other programs */
  readonly served: NbdServers;
  /** whose disks lie over templates */
  readonly machines: ServedMachines;
  /** what jobs owe whose process is gone */
  readonly pledges: PledgeKeeper;
  /** what a person set for the pages */
  readonly preferences: PreferencesKeeper;
  /** files that pages send */
  readonly uploads: Uploads;
  /** A change to the preferences: everybody is told. */
  preferencesChanged(now: PreferencesView): void;
  /** A change to a template: its record file is written, everybody is told. */
  changed(templateId: string, action: string, data?: MessageData): Promise<TemplateView>;
  /** Before a job that frees no room: on a full disk it is written down with the room that was set by. */
  makeRoomToRecord(): Promise<void>;
  /** Jobs whose process is gone are marked as lost. */
  markLost(): void;
}
