/** A folder of a person's, opened by root as that person would: what they may not reach is not reached for them. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import { runTool } from '../../tools/run-tool.ts';
import type { Person } from '../person.ts';
import { withheld } from './helper-protocol.ts';

const OTHERS_MAY_WRITE = 0o022;
/** mount(8): no link in it is followed (Linux 5.10, util-linux 2.38), and what root does there starts no program and opens no device. */
const OPTIONS = ['nosymfollow', 'nosuid', 'nodev', 'noexec'];

/**
 * To be called while nothing else of this process is on its way: all of it has the person's rights meanwhile.
 * @returns a descriptor
 * @throws EngineError `RIGHTS_WITHHELD` where the folder is not theirs, or others may write to it; `NOT_FOUND`, `PERMISSION_DENIED`
 */
export function openPersonsFolder(path: string, person: Person): number {
  const descriptor = asPerson(person, () => {
    try {
      return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    } catch (error) {
      throw toEngineError(error, path);
    }
  });
  const { uid, mode } = fstatSync(descriptor);
  if (uid === person.uid && (mode & OTHERS_MAY_WRITE) === 0) return descriptor;
  closeSync(descriptor);
  throw withheld('catalog', `uid ${uid} mode ${(mode & 0o7777).toString(8)}`, path);
}

/** Node has it where there are groups; its types do not. */
type WithGroups = typeof process & { initgroups(user: string, group: number): void };

/** Source: setresuid(2); all threads of a process have the same by glibc, nptl(7). */
function asPerson<T>({ uid, gid, name }: Person, work: () => T): T {
  const groups = process.getgroups!();
  (process as WithGroups).initgroups(name, gid);
  process.setegid!(gid);
  process.seteuid!(uid);
  try {
    return work();
  } finally {
    process.seteuid!(0);
    process.setegid!(0);
    process.setgroups!(groups);
  }
}

/**
 * Shows an open folder at a place of this process's mount namespace, without following any link in it.
 * @throws EngineError `RIGHTS_WITHHELD` where the system cannot do that; `TOOL_FAILED`
 */
export async function showWithoutLinks(descriptor: number, place: string, signal: AbortSignal): Promise<void> {
  // a second name of somebody else's file is not told from a file: the kernel must not let a person make one (proc(5))
  if (readFileSync('/proc/sys/fs/protected_hardlinks', 'utf8').trim() !== '1')
    throw withheld('links', 'fs.protected_hardlinks');
  const before = fstatSync(descriptor, { bigint: true });
  // the descriptor's own link is no name: whatever has the folder's by now is not looked at
  const args = ['--no-canonicalize', '--bind', '--options', OPTIONS.join(','), '/proc/self/fd/3', place];
  await runTool('mount', args, { signal, descriptors: [descriptor] });
  const shown = openSync(place, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const after = fstatSync(shown, { bigint: true });
    const line = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .findLast((one) => one.split(' ')[4] === place);
    const given = line?.split(' ')[5].split(',') ?? [];
    // an older mount(8) passes over what it does not know
    const lacking = OPTIONS.filter((option) => !given.includes(option));
    if (after.dev !== before.dev || after.ino !== before.ino || lacking.length > 0)
      throw withheld('links', lacking.join(' '));
  } catch (error) {
    throw error instanceof EngineError ? error : toEngineError(error, place);
  } finally {
    closeSync(shown);
  }
}
