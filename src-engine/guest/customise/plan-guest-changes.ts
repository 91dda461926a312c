/**
 * From what was asked for to a list of changes inside the guest, and for each setting a note that says how it is done here, or why
 * it cannot be. Reads the guest, writes nothing.
 */
import type { GuestSettings, IdentityThing, SettingNote } from '../../contract/deploy.contract.ts';
import type { Guest } from '../../contract/guest.contract.ts';
import type { GuestChange } from '../changes.port.ts';
import type { GuestFiles } from '../guest-files.ts';
import type { GuestVolume } from '../guest-input.ts';
import { setKeyboard, setLocale, setTimezone } from './clock-and-language.ts';
import { seedCloudInit } from './cloud-init.ts';
import { GuestDraft, type HiddenFolder } from './draft.ts';
import { addFirstBoot, scriptsOf, type FirstBootScript } from './first-boot.ts';
import { setHostname } from './hostname.ts';
import type { HexFor } from './identity/made-anew.ts';
import { renewIdentity } from './identity/renew.ts';
import { setNetwork } from './network/network.ts';
import { putFile } from './put-files.ts';
import { relabel } from './selinux.ts';
import { readTraits, type Traits } from './traits.ts';
import { setUser } from './users.ts';
import { writeUnattend } from './windows-unattend.ts';

export interface GuestChangesInput {
  /** of the volume with the root, the others joined at their mount points */
  readonly files: GuestFiles;
  readonly guest: Guest;
  readonly settings: GuestSettings;
  readonly identity: { readonly fresh: ReadonlySet<IdentityThing>; readonly hexFor: HexFor };
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
  const { files, guest, settings } = input;
  const draft = new GuestDraft(files, hiddenFolders(guest, input.volumes));
  if (guest.family.value === 'linux') await planLinux(draft, await readTraits(guest, files), input);
  else if (guest.family.value === 'windows') {
    await draft.attempt('windows-setup', () => writeUnattend(draft, guest, settings));
    for (const file of settings.files) await draft.attempt('files', () => putFile(draft, file));
    const things = [...input.identity.fresh].filter((thing) => !NOT_OURS.includes(thing));
    if (things.length > 0) draft.cannot(things[0], 'windows-identity', { things });
  }
  return { changes: draft.changes, notes: draft.notes };
}

const NOT_OURS: readonly IdentityThing[] = ['file-system-uuids', 'disk-ids', 'lvm-uuids'];

/** What is cleared comes first, what is put in its place after it. */
async function planLinux(
  draft: GuestDraft,
  traits: Traits,
  { guest, settings, identity, nowMs }: GuestChangesInput,
): Promise<void> {
  await renewIdentity(draft, traits, identity.fresh, identity.hexFor);
  const { hostname, domain, network, users, timezone, locale, keyboard, files } = settings;
  if (hostname !== undefined || domain !== undefined)
    await draft.attempt('hostname', () => setHostname(draft, guest, traits, settings));
  if (network.length > 0) await draft.attempt('network', () => setNetwork(draft, guest, traits, network));
  for (const user of users)
    await draft.attempt('users', () => setUser(draft, traits, user, nowMs), { name: user.name });
  if (timezone !== undefined) await draft.attempt('timezone', () => setTimezone(draft, traits, timezone));
  const scripts: FirstBootScript[] = [];
  if (locale !== undefined) {
    await draft.attempt('locale', async () => {
      const script = await setLocale(draft, traits, locale);
      if (script) scripts.push(script);
    });
  }
  if (keyboard !== undefined) await draft.attempt('keyboard', () => setKeyboard(draft, traits, keyboard));
  for (const file of files) await draft.attempt('files', () => putFile(draft, file), { path: file.path });
  scripts.push(...scriptsOf(settings));
  if (scripts.length > 0) await draft.attempt('first-boot', () => addFirstBoot(draft, traits, scripts));
  await draft.attempt('cloud-init', () =>
    seedCloudInit(draft, guest, settings, identity.fresh.has('cloud-init-state'), nowMs),
  );
  await draft.attempt('selinux', () => relabel(draft));
}

/** Mount points of volumes that are not read here: encrypted ones, others' disks, memory. */
function hiddenFolders({ fstab }: Guest, volumes: readonly GuestVolume[]): HiddenFolder[] {
  const isRead = (ref: string | null) => volumes.some((volume) => volume.ref === ref && volume.tree !== null);
  return (fstab.value ?? [])
    .filter(({ mountPoint, volume }) => /^\/./.test(mountPoint) && !isRead(volume))
    .filter(({ mountPoint }) => !/^\/(?:proc|sys|dev|run|media|mnt)(?:\/|$)/.test(mountPoint))
    .map(({ mountPoint, type }) => ({ mountPoint, isInMemory: type === 'tmpfs' || type === 'ramfs' }));
}
