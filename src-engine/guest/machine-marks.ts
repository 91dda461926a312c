/** By what an installed system is one machine and no other, to tell whether two disks hold the same one: of the same or of different days. */
import type { GuestFiles } from './guest-files.ts';
import type { GuestVolume } from './guest-input.ts';
import { openGuestFiles } from './open-guest-files.ts';

export interface MachineMarks {
  /** of the file system with the root; '' where it has none */
  readonly rootUuid: string;
  /** machine-id(5); '' where it has none, or where it gets one at its next start */
  readonly machineId: string;
  /** public host keys of SSH, each its type and its content */
  readonly hostKeys: readonly string[];
}

/** The first where systemd keeps it, the others where D-Bus did before. */
const ID_FILES = ['/etc/machine-id', '/var/lib/dbus/machine-id', '/var/db/dbus/machine-id'];
const MAX_KEYS = 16;

/** @returns null where no system is found; throws nothing but an abort */
export async function readMachineMarks(
  volumes: readonly GuestVolume[],
  signal: AbortSignal,
): Promise<MachineMarks | null> {
  const opened = await openGuestFiles(volumes, signal);
  if (!opened) return null;
  const { files, mounts } = opened;
  const root = volumes.find(({ ref }) => ref === mounts[0].volume);
  return {
    rootUuid: root?.uuid.toLowerCase() ?? '',
    machineId: await machineIdIn(files),
    hostKeys: await hostKeysIn(files),
  };
}

async function machineIdIn(files: GuestFiles): Promise<string> {
  for (const path of ID_FILES) {
    const id = (await files.text(path))?.trim().toLowerCase() ?? '';
    if (/^[0-9a-f]{32}$/.test(id)) return id;
  }
  return '';
}

async function hostKeysIn(files: GuestFiles): Promise<string[]> {
  const names = (await files.names('/etc/ssh')).filter((name) => /^ssh_host_\w{0,40}key\.pub$/.test(name));
  const keys: string[] = [];
  for (const name of names.slice(0, MAX_KEYS)) {
    const [type, key] = (await files.text(`/etc/ssh/${name}`))?.trim().split(/\s+/) ?? [];
    if (key) keys.push(`${type} ${key}`);
  }
  return keys;
}

/**
 * A machine that was given an identity of its own is another one, though its files came from the same template. Host keys decide only where
 * neither has a machine id: they are changed in the life of a machine.
 */
export function isSameMachine(one: MachineMarks, other: MachineMarks): boolean {
  if (one.rootUuid !== other.rootUuid || one.machineId !== other.machineId) return false;
  if (one.machineId !== '') return true;
  const isAlike = one.hostKeys.length === 0 && other.hostKeys.length === 0;
  return one.rootUuid !== '' && (isAlike || one.hostKeys.some((key) => other.hostKeys.includes(key)));
}
