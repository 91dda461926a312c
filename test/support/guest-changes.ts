/** A guest in memory, planned for, and looked at as it would be afterwards. */
import {
  chmodSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { z } from 'zod';
import { GuestSettingsSchema, type IdentityThing } from '../../src-engine/contract/deploy.contract.ts';
import type { Guest } from '../../src-engine/contract/guest.contract.ts';
import type { GuestChange } from '../../src-engine/guest/changes.port.ts';
import { planGuestChanges, type PlannedGuestChanges } from '../../src-engine/guest/customise/plan-guest-changes.ts';
import type { GuestVolume } from '../../src-engine/guest/guest-input.ts';
import { inspectGuest } from '../../src-engine/guest/inspect-guest.ts';
import { openGuestFiles } from '../../src-engine/guest/open-guest-files.ts';
import { memoryTree, type MemoryFiles } from './memory-tree.ts';

type Asked = z.input<typeof GuestSettingsSchema>;

export interface Planned extends PlannedGuestChanges {
  readonly guest: Guest;
  /** what a file will be, in Latin-1; null: gone, or not changed */
  text(path: string): string | null;
  change(path: string): GuestChange | undefined;
  /** `reason code` of each note, with a dash in front where it is not possible */
  readonly told: string[];
}

const NO_END_OF_LIFE = { madeOn: '2026-01-01', releases: {} };

export const memoryVolume = (files: MemoryFiles, more: Partial<GuestVolume> = {}): GuestVolume => ({
  ref: '1',
  label: '',
  uuid: '',
  kind: 'ext4',
  tree: memoryTree(files),
  recognised: null,
  ...more,
});

/** What is made new of ids that are written. */
export const NEW_HEX = 'fedcba98'.repeat(4);

/** 2026-01-01: day 20454 since 1970. */
export const NOW_MS = Date.UTC(2026, 0, 1);

export async function plannedFor(
  files: MemoryFiles | readonly GuestVolume[],
  settings: Asked = {},
  fresh: readonly IdentityThing[] = [],
): Promise<Planned> {
  const volumes = Array.isArray(files) ? (files as readonly GuestVolume[]) : [memoryVolume(files as MemoryFiles)];
  const signal = new AbortController().signal;
  const guest = await inspectGuest({ volumes, firstSectors: new Uint8Array(512) }, NO_END_OF_LIFE, signal);
  const opened = await openGuestFiles(volumes, signal);
  const plan = await planGuestChanges({
    files: opened!.files,
    guest,
    settings: GuestSettingsSchema.parse(settings),
    identity: { fresh: new Set(fresh), hexFor: () => NEW_HEX },
    volumes,
    nowMs: NOW_MS,
  });
  const change = (path: string) => plan.changes.find((one) => one.path === path);
  return {
    ...plan,
    guest,
    change,
    text: (path) => {
      const found = change(path);
      return found?.kind === 'write' ? Buffer.from(found.bytes).toString('latin1') : null;
    },
    told: plan.notes.map(({ reason, isPossible, code }) => `${isPossible ? '' : '-'}${reason} ${code}`),
  };
}

/** Carries changes out in a folder of this machine, for tools that judge files. Made of trees without links on the way. */
export function carryOut(folder: string, changes: readonly GuestChange[]): void {
  for (const change of changes) {
    const path = join(folder, change.path);
    mkdirSync(dirname(path), { recursive: true });
    if (change.kind === 'remove') rmSync(path, { recursive: true, force: true });
    else if (change.kind === 'empty') emptied(path);
    else if (change.kind === 'link') {
      rmSync(path, { force: true });
      symlinkSync(change.target, path);
    } else {
      if (change.kind === 'folder') mkdirSync(path, { recursive: true });
      else writeFileSync(path, change.bytes);
      if (change.mode !== null) chmodSync(path, change.mode);
      if (change.owner !== null && process.getuid?.() === 0)
        lchownSync(path, change.owner.userId, change.owner.groupId);
    }
  }
}

function emptied(path: string): void {
  if (!statSync(path).isDirectory()) truncateSync(path);
  else for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true });
}
