/** A machine that was being made, and came to nothing: what there is of it goes. Files are known by what they are, so only those that were made go. */
import { lstat, unlink } from 'node:fs/promises';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import { hypervisorAt } from './hypervisors.ts';
import type { Maker } from './maker.port.ts';
import type { MadeVolume } from './volumes.port.ts';

export interface MadeFile {
  readonly path: string;
  /** its inode, which it has under whatever name */
  readonly inode: string;
}

/** @throws EngineError `BAD_REQUEST` for a hypervisor whose machines are made elsewhere; `VM_NOT_FOUND` for a place of none */
export function makerOf(place: string): Maker {
  const { maker, address } = hypervisorAt(place).hypervisor;
  if (!maker) throw new EngineError('BAD_REQUEST', { path: place, reason: `no machines are made at ${address}` });
  return maker;
}

/** @param from where it is now @param path that it will have @throws EngineError `NOT_FOUND` */
export async function madeFile(from: string, path: string): Promise<MadeFile> {
  const { ino } = await lstat(from, { bigint: true }).catch((error) => {
    throw toEngineError(error);
  });
  return { path, inode: String(ino) };
}

/** Where its disks were to lie, and those that are volumes there. */
export interface MadeVolumes {
  readonly pool: string;
  readonly volumes: readonly MadeVolume[];
}

/** What is gone already is fine. @throws EngineError `PERMISSION_DENIED`, and what the hypervisor says */
export async function unmakeMachine(
  place: string,
  id: string,
  files: readonly MadeFile[],
  { pool, volumes }: MadeVolumes,
  signal: AbortSignal,
): Promise<void> {
  // first what needs nobody's answer
  for (const { path, inode } of files) {
    const stats = await lstat(path, { bigint: true }).catch(() => null);
    // another file may have the name by now
    if (String(stats?.ino) !== inode) continue;
    await unlink(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw toEngineError(error);
    });
  }
  const maker = makerOf(place);
  await maker.unmake(id, signal);
  // a machine that ran had them open
  for (const volume of volumes) await maker.volumes.remove(pool, volume, signal);
  if (pool !== '') await maker.look(pool, signal);
}
