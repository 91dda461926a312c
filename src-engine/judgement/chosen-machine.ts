/** The machine that a report is about: this one, one whose profile was saved, or one whose profile is in a file. */
import { resolve } from 'node:path';
import type { DeviceView } from '../contract/disk.contract.ts';
import type { MachineProfile } from '../contract/machine.contract.ts';
import { readNamedFile } from '../core/read-named-file.ts';
import { MAX_PROFILE_BYTES, parseProfile, probeMachine } from '../machines/profile/profile.ts';
import { faultOfProfile, findProfile } from '../machines/profile/saved-profiles.ts';
import type { JudgingParts } from './judging-parts.ts';

const THIS_MACHINE = 'this';

/**
 * @param wanted null: this machine for a disk that is built into it; nobody knows where another disk or a file belongs
 * @param device null: a file, or nothing at all
 * @returns null where no machine is known
 * @throws EngineError `NOT_FOUND`, `FORMAT_INVALID`, `PERMISSION_DENIED`
 */
export async function chosenMachine(
  parts: JudgingParts,
  wanted: string | null,
  device: DeviceView | null,
): Promise<MachineProfile | null> {
  if (wanted === null) return device && isBuiltIn(device) ? probeMachine(false) : null;
  if (wanted === THIS_MACHINE) return probeMachine(false);
  const saved = await findProfile(parts.layout.machines, wanted);
  if (saved) return saved;
  const fault = await faultOfProfile(parts.layout.machines, wanted);
  if (fault) throw fault;
  return readProfile(wanted);
}

/** @throws EngineError `NOT_FOUND`, `FORMAT_INVALID`, `PERMISSION_DENIED`, `BAD_REQUEST` for what is no regular file */
export async function readProfile(path: string): Promise<MachineProfile> {
  const full = resolve(path);
  return parseProfile((await readNamedFile(full, MAX_PROFILE_BYTES)).toString('utf8'), full);
}

/** What is plugged in may belong to any machine. */
function isBuiltIn({ isRemovable, bus }: DeviceView): boolean {
  return !isRemovable && bus !== 'loop';
}
