/** A fresh identity, thing by thing: each by itself, so that one that cannot be done holds up no other. */
import type { IdentityThing } from '../../../contract/deploy.contract.ts';
import { CannotChange } from '../cannot-change.ts';
import type { GuestDraft } from '../draft.ts';
import type { Traits } from '../traits.ts';
import { homes } from './homes.ts';
import { clearLogs } from './logs.ts';
import { renewDropbearKeys } from './dropbear.ts';
import { renewMachineId } from './machine-id.ts';
import type { HexFor } from './made-anew.ts';
import { freeNetworkCards } from './net-rules.ts';
import { PLACES, placeOf, type PlacedThing } from './places.ts';
import { renewSshHostKeys } from './ssh-host-keys.ts';

export async function renewIdentity(
  draft: GuestDraft,
  traits: Traits,
  fresh: ReadonlySet<IdentityThing>,
  hexFor: HexFor,
): Promise<void> {
  if (fresh.has('machine-id')) await draft.attempt('machine-id', () => renewMachineId(draft, traits, hexFor));
  if (fresh.has('ssh-host-keys')) await renewHostKeys(draft, traits);
  if (fresh.has('net-rules')) await draft.attempt('net-rules', () => freeNetworkCards(draft));
  if (fresh.has('logs')) await counted(draft, 'logs', () => clearLogs(draft));
  for (const thing of Object.keys(PLACES) as PlacedThing[]) {
    if (fresh.has(thing)) await counted(draft, thing, () => clearPlaces(draft, thing));
  }
}

/** Of each server by itself: one of them may be without means to make new ones. */
async function renewHostKeys(draft: GuestDraft, traits: Traits): Promise<void> {
  let hasOthers = false;
  const isDone = await draft.attempt('ssh-host-keys', async () => {
    hasOthers = await renewDropbearKeys(draft, traits);
  });
  await draft.attempt('ssh-host-keys', () => renewSshHostKeys(draft, traits, hasOthers || !isDone));
}

async function counted(draft: GuestDraft, thing: IdentityThing, clear: () => Promise<number>): Promise<void> {
  await draft.attempt(thing, async () => {
    const count = await clear();
    if (count > 0) draft.can(thing, 'cleared', { count });
    else draft.can(thing, 'nothing-there');
  });
}

async function clearPlaces(draft: GuestDraft, thing: PlacedThing): Promise<number> {
  const { remove = [], empty = [], among = [], inHomes = [] } = placeOf(thing);
  let count = 0;
  const told = new Set<unknown>();
  const clear = async (work: () => Promise<boolean>) => {
    try {
      if (await work()) count++;
    } catch (error) {
      if (!(error instanceof CannotChange) || error.code === 'too-many-files') throw error;
      // what lies in memory is gone, and one volume that is not reached is told once
      const about = error.data.mountPoint ?? error.data.path;
      if (error.code === 'file-volatile' || told.has(about)) return;
      told.add(about);
      draft.cannot(thing, error.code, error.data);
    }
  };
  for (const path of remove) await clear(() => draft.remove(thing, path));
  for (const path of empty) await clear(async () => !(await isForeignLink(draft, path)) && draft.empty(thing, path));
  for (const [folder, names] of among) {
    for (const name of await draft.names(folder)) {
      if (names.test(name) && name !== 'lost+found') await clear(() => draft.remove(thing, `${folder}/${name}`));
    }
  }
  if (inHomes.length > 0) {
    for (const home of await homes(draft)) {
      for (const name of inHomes) await clear(() => draft.remove(thing, `${home}/${name}`));
    }
  }
  if (thing === 'mail') for (const path of await mailboxes(draft)) await clear(() => draft.empty(thing, path));
  return count;
}

/** A link in a folder of somebody else than root: who owns the folder says where it leads, and would have root empty that. */
async function isForeignLink(draft: GuestDraft, path: string): Promise<boolean> {
  if ((await draft.files.linkTarget(path)) === null) return false;
  const parent = (await draft.files.find(path.slice(0, path.lastIndexOf('/')) || '/'))?.node;
  return parent?.ownerId !== 0 || ((parent.mode ?? 0o777) & 0o022) !== 0;
}

/** In folders in which many may write: a link that stands there leads to where somebody else wanted it to. */
async function mailboxes(draft: GuestDraft): Promise<string[]> {
  const found = new Set<string>();
  for (const folder of ['/var/mail', '/var/spool/mail']) {
    const real = await draft.files.realPath(folder);
    if (real === null) continue;
    for (const name of await draft.names(real)) {
      if ((await draft.files.linkTarget(`${real}/${name}`)) === null) found.add(`${real}/${name}`);
    }
  }
  return [...found];
}
