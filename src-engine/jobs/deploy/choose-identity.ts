/**
 * Whether a deploy makes another machine, which gets an identity of its own, or brings the same machine back, which keeps the one that it has.
 * Told from what was recorded and from what the target holds; where neither says that it is the same, it is another.
 */
import type { JobRepository } from '../../catalog/job-repository.ts';
import type { IdentityPlan } from '../../contract/deploy.contract.ts';
import type { PlaceView, RecordedPlaceView } from '../../contract/disk.contract.ts';
import { isSameMachine, type MachineMarks } from '../../guest/machine-marks.ts';
import type { FoundDisk } from '../../versions/found-disk.ts';
import type { DeployRecord } from '../plan-records.ts';
import { isDeployedBefore } from './earlier-deploy.ts';
import { notLookedIntoData, type NotLookedInto } from './not-looked-into.ts';
import { unfinishedDeploy } from './unfinished-deploy.ts';

const KEPT = { becomes: 'keep', data: {} } as const;

/**
 * @param unread where a system may lie that was not seen
 * @returns null where nobody has said it, and it depends on what is on the target
 */
export function identityAsked(
  { identity, exact }: DeployRecord['request'],
  { version }: FoundDisk,
  unread: NotLookedInto | null,
): IdentityPlan | null {
  if (exact && identity !== 'fresh') return { ...KEPT, because: 'exact' };
  if (identity) return { becomes: identity, because: 'asked', data: {} };
  // older versions were not looked at when they were captured: they are now
  const hasSystem = version.guest === null || version.guest.family.value !== null;
  return (hasSystem || unread !== null) && version.medium === 'disk' ? null : { ...KEPT, because: 'nothing-to-renew' };
}

interface Target {
  readonly place: PlaceView;
  readonly exists: boolean;
  /** of the machine that it holds now; null: none is found */
  readonly marks: MachineMarks | null;
}

/**
 * @param template what its machine is known by; null: no system is seen on this disk
 * @param unread where one may lie all the same
 */
export function chooseIdentity(
  jobs: JobRepository,
  { template: { name }, version, disk }: FoundDisk,
  template: MachineMarks | null,
  unread: NotLookedInto | null,
  { place, exists, marks }: Target,
): IdentityPlan {
  // a system that was read lies on another disk, unless half of what it lies on is on this one
  const isElsewhere = !!version.guest?.family.value && unread?.reason !== 'several-disks';
  if (!template && (!unread || isElsewhere)) return { ...KEPT, because: 'nothing-to-renew' };
  const { path, serial } = place;
  if (template && marks && isSameMachine(template, marks)) return { ...KEPT, because: 'same-machine', data: { path } };
  const isSource =
    place.kind === 'file'
      ? // another file may have come to lie there: what it holds must not say so
        exists && !marks && isFileItself(place, disk.source)
      : isDiskItself(place, disk.source);
  if (isSource) return { ...KEPT, because: 'source', data: { path, serial } };
  if (!template) return { becomes: 'keep', because: 'not-looked-into', data: notLookedIntoData(unread!, path) };
  const goesOn = !marks && unfinishedDeploy(jobs, name, path)?.identity === 'keep';
  if (goesOn) return { ...KEPT, because: 'goes-on', data: { path } };
  if (marks && isDeployedBefore(jobs, name, path, marks)) {
    return { becomes: 'fresh', because: 'deployed-before', data: { path } };
  }
  return { becomes: 'fresh', because: 'deployment', data: { path } };
}

function isFileItself(target: PlaceView, source: RecordedPlaceView): boolean {
  return source.kind === 'file' && source.path === target.path && source.lengthBytes === target.lengthBytes;
}

function isDiskItself(target: PlaceView, source: RecordedPlaceView): boolean {
  const [before, now] = [source.identity?.wwn, target.identity?.wwn];
  return (
    source.kind === 'device' &&
    isOwnSerial(target.serial) &&
    source.serial === target.serial &&
    source.model === target.model &&
    source.lengthBytes === target.lengthBytes &&
    (!before || !now || before === now)
  );
}

/** What hypervisors and makers of adapters give to every disk is nobody's: QEMU's QM00001, drive-scsi0, 0123456789ABCDEF, 000000000000. */
function isOwnSerial(serial: string): boolean {
  const plain = serial.trim().toUpperCase();
  const isOfPlace = /^(?:QM\d+|DRIVE-[A-Z-]+\d[\d-]*|(?:NVME|DISK|LUN)[-_ ]?\d*)$/.test(plain);
  const isNone = /^(?:NONE|N\/A|UNKNOWN|DEFAULT|NOT SPECIFIED|TO BE FILLED.*|SERIAL ?(?:NUMBER)?|(.)\1*)?$/.test(plain);
  return !isOfPlace && !isNone && !plain.includes('0123456789') && !plain.includes('1234567890');
}
