/**
 * From what was asked for to a list of changes inside the guest, and for each setting a note that says how it is done here, or why
 * it cannot be. Reads the guest, writes nothing.
 */
import type { GuestSettings, IdentityThing, SettingNote } from '../../contract/deploy.contract.ts';
import type { Guest } from '../../contract/guest.contract.ts';
import type { GuestChange } from '../changes.port.ts';
import type { GuestFiles } from '../guest-files.ts';
import type { GuestVolume } from '../guest-input.ts';
import { GuestDraft } from './draft.ts';
import { setHostname } from './hostname.ts';
import { renewMachineId } from './identity/machine-id.ts';
import { readTraits, type Traits } from './traits.ts';

export interface GuestChangesInput {
  /** of the volume with the root, the others joined at their mount points */
  readonly files: GuestFiles;
  readonly guest: Guest;
  readonly settings: GuestSettings;
  readonly identity: { readonly fresh: ReadonlySet<IdentityThing> };
  readonly volumes: readonly GuestVolume[];
  /** the moment of the plan, milliseconds since 1970: the day of new passwords */
  readonly nowMs: number;
}

export interface PlannedGuestChanges {
  readonly changes: GuestChange[];
  readonly notes: SettingNote[];
}

/**
 * The UUIDs of file systems, disks and LVM are not its subject. Nothing that is in the guest makes it throw; an abort does.
 * @returns changes in the order in which they are to be carried out
 */
export async function planGuestChanges(input: GuestChangesInput): Promise<PlannedGuestChanges> {
  const { files, guest } = input;
  const draft = new GuestDraft(files, hiddenMountPoints(guest, input.volumes));
  if (guest.family.value === 'linux') {
    const traits = await readTraits(guest, files);
    await renewIdentity(draft, traits, input);
    await configure(draft, traits, input);
  }
  return { changes: draft.changes, notes: draft.notes };
}

async function renewIdentity(
  draft: GuestDraft,
  traits: Traits,
  { identity: { fresh } }: GuestChangesInput,
): Promise<void> {
  if (fresh.has('machine-id')) await draft.attempt('machine-id', () => renewMachineId(draft, traits));
}

async function configure(draft: GuestDraft, traits: Traits, { guest, settings }: GuestChangesInput): Promise<void> {
  if (settings.hostname !== undefined || settings.domain !== undefined) {
    await draft.attempt('hostname', () => setHostname(draft, guest, traits, settings));
  }
}

/** What is mounted there is not on a volume that can be read: a file below would be hidden by it. */
function hiddenMountPoints({ fstab }: Guest, volumes: readonly GuestVolume[]): string[] {
  const isRead = (ref: string | null) => volumes.some((volume) => volume.ref === ref && volume.tree !== null);
  return (fstab.value ?? [])
    .filter(({ mountPoint, volume }) => /^\/./.test(mountPoint) && !isRead(volume))
    .map(({ mountPoint }) => mountPoint)
    .filter((point) => !/^\/(proc|sys|dev|run|media|mnt)(\/|$)/.test(point));
}
