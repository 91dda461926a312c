/** A deploy on its way through its stages. */
import type { BootLink } from '../../contract/boot-chain.contract.ts';
import type { ErrorView } from '../../contract/errors.ts';
import type { BootSight } from '../../contract/boot.contract.ts';
import type { InsideChanges } from '../../contract/deploy.contract.ts';
import type { EntryLoader } from '../../boot-chain/entry-loader.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { BlockSink } from '../../disk/block-source.port.ts';
import type { ManifestReader } from '../../store/manifest-reader.ts';
import type { FoundDisk } from '../../versions/found-disk.ts';
import type { ManifestJson } from '../../versions/manifest-json.ts';
import type { StoredParts } from '../../versions/stored-parts.ts';
import type { EngineParts } from '../engine-parts.ts';
import type { DeployRecord } from '../plan-records.ts';
import type { Tell } from '../prove-version.ts';
import type { Feeding } from './feed.ts';
import type { HeldBack } from './held-back.ts';
import type { Target } from './open-target.ts';
import type { Overlay } from './overlay.ts';
import type { Inside } from './plan-inside.ts';
import type { Placement } from './place.ts';

export interface Deployment {
  readonly parts: StoredParts & Pick<EngineParts, 'presses'>;
  readonly plan: DeployRecord;
  readonly manifest: ManifestReader;
  readonly json: ManifestJson;
  /** brings the template's windows */
  readonly feed: Feeding;
  readonly placement: Placement;
  /** what is known to be other than the template's before anything is written */
  readonly overlay: Overlay;
  readonly held: HeldBack;
  readonly target: Target;
  readonly sink: BlockSink;
  /** the template's disk */
  readonly found: FoundDisk;
  /** what it showed when it was started */
  readonly tell: Tell;
  /** what was changed inside; null: nothing */
  inside: InsideChanges | null;
  /** what is to become other in no file, once files name it so */
  identifiers: Pick<Inside, 'identifiers' | 'corePatches'>;
  writtenBytes: number;
  /** bytes that were read back and found to be what they must be */
  verifiedBytes: number;
  /** how the target starts a machine, as it was found there */
  bootChain: BootLink[];
  /** the loader that an entry of a firmware would lead to */
  entry: EntryLoader | null;
  /** what it showed when it was started */
  sight?: BootSight;
  /** why it is not proven that it comes up, where that was wanted */
  notProven?: ErrorView;
}

export type Stage = (deployment: Deployment, context: JobContext) => Promise<void>;
