/** Profiles of machines that are elsewhere, kept as JSON files beside the catalog: one for each, to be copied by hand as well. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { MachineProfile } from '../../contract/machine.contract.ts';
import { writeDurably } from '../../core/durable.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import { readNamedFile } from '../../core/read-named-file.ts';
import { MAX_PROFILE_BYTES, parseProfile } from './profile.ts';

const ENDING = '.json';
const MAX_PROFILES = 10_000;

/**
 * By name. A folder that is not there holds none; a file that is no profile hides no other.
 * @see refusedProfiles
 * @throws EngineError `READ_FAILED`, `PERMISSION_DENIED`
 */
export async function listProfiles(folder: string): Promise<MachineProfile[]> {
  const profiles = await Promise.all((await profilePaths(folder)).map(readProfileFile));
  return profiles.filter((profile) => profile !== null).sort((a, b) => a.name.localeCompare(b.name, 'en'));
}

/** What is wrong with the files beside the profiles that are none: damaged, not to be read, or somebody else's. */
export async function refusedProfiles(folder: string): Promise<EngineError[]> {
  const faults = await Promise.all((await profilePaths(folder)).map(faultOf));
  return faults.filter((fault) => fault !== null);
}

/** @returns what is wrong with the file that a profile of that name was saved in; null where it is whole, or there is none */
export async function faultOfProfile(folder: string, name: string): Promise<EngineError | null> {
  const fault = await faultOf(pathOf(folder, name));
  return fault?.code === 'NOT_FOUND' ? null : fault;
}

async function faultOf(path: string): Promise<EngineError | null> {
  try {
    parseProfile((await readNamedFile(path, MAX_PROFILE_BYTES)).toString('utf8'), path);
    return null;
  } catch (error) {
    return toEngineError(error, path);
  }
}

async function profilePaths(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw toEngineError(error, folder);
  });
  return names
    .filter((name) => name.endsWith(ENDING))
    .sort()
    .slice(0, MAX_PROFILES)
    .map((name) => join(folder, name));
}

/** @returns the profile of that name, or null */
export async function findProfile(folder: string, name: string): Promise<MachineProfile | null> {
  return (
    (await readProfileFile(pathOf(folder, name))) ?? (await listProfiles(folder)).find((p) => p.name === name) ?? null
  );
}

export interface HowSaved {
  /** it may take the place of what has its name */
  readonly replace: boolean;
  /** what it was made of by an edit, as that was when it was looked at: it takes its place, also under another name */
  readonly seen?: MachineProfile | undefined;
}

/** The next one looks at what this one has written. */
let saving: Promise<unknown> = Promise.resolve();

/**
 * Written under another name first: a file is whole, or not there.
 * @throws EngineError `NAME_TAKEN` unless it may replace what has its name; `PROFILE_CHANGED` where what was edited is not as it was seen, or is
 *   gone; `PERMISSION_DENIED`, `DISK_FULL`
 */
export function saveProfile(folder: string, profile: MachineProfile, how: HowSaved): Promise<MachineProfile> {
  const saved = saving.then(() => saveNow(folder, profile, how));
  saving = saved.catch(() => {});
  return saved;
}

async function saveNow(folder: string, profile: MachineProfile, { replace, seen }: HowSaved): Promise<MachineProfile> {
  if (seen) {
    const now = (await listProfiles(folder)).filter(({ name }) => name === seen.name);
    if (!now.some((one) => isDeepStrictEqual(one, seen))) throw new EngineError('PROFILE_CHANGED', { name: seen.name });
  }
  const takesPlace = replace || profile.name === seen?.name;
  if (!takesPlace && (await findProfile(folder, profile.name)))
    throw new EngineError('NAME_TAKEN', { name: profile.name });
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const text = `${JSON.stringify(profile, null, 2)}\n`;
    await writeDurably(folder, pathOf(folder, profile.name), text, { mode: 0o600 });
    if (takesPlace) await removeOthers(folder, profile.name);
  } catch (error) {
    throw toEngineError(error);
  }
  if (seen && seen.name !== profile.name) await deleteProfile(folder, seen.name);
  return profile;
}

/** @throws EngineError `NOT_FOUND` */
export async function deleteProfile(folder: string, name: string): Promise<void> {
  if (!(await findProfile(folder, name))) throw new EngineError('NOT_FOUND', { path: name });
  await removeOthers(folder, name);
  await rm(pathOf(folder, name), { force: true });
}

/** A file that was copied here by hand has a name of its own. */
async function removeOthers(folder: string, name: string): Promise<void> {
  for (const file of await readdir(folder)) {
    const path = join(folder, file);
    if (!file.endsWith(ENDING) || path === pathOf(folder, name)) continue;
    if ((await readProfileFile(path))?.name === name) await rm(path, { force: true });
  }
}

async function readProfileFile(path: string): Promise<MachineProfile | null> {
  try {
    return parseProfile((await readNamedFile(path, MAX_PROFILE_BYTES)).toString('utf8'), path);
  } catch {
    return null;
  }
}

/** Names of people never become parts of a path: a readable beginning, and a hash that tells them apart. */
function pathOf(folder: string, name: string): string {
  const readable = name.replace(/[^a-zA-Z0-9-]+/g, '-').slice(0, 40);
  return join(folder, `${readable}-${createHash('sha256').update(name).digest('hex').slice(0, 16)}${ENDING}`);
}
