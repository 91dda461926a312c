/**
 * Files that are about to be written, claimed against other processes: by flock(2) on a file beside it, which holds a name, and on the file that is
 * there, which may have further names. The kernel drops such a lock when its holder ends, however it ends; it counts in other containers, too.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, unlink, type FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../core/engine-error.ts';
import { holdFolder, type HeldFolder } from '../../core/held-folder.ts';
import { runTool } from '../../tools/run-tool.ts';
import type { Claim } from '../machine.port.ts';
import type { KernelRoots } from './kernel-files.ts';
import { fileIdentity, flockHolders, isSame, type FileIdentity } from './open-files.ts';

/** A name has 255 bytes; so much is left to tell long ones apart. */
const MAX_NAME_BYTES = 180;
const MAX_NOTE_BYTES = 200;
/** Who has a lock keeps it; who takes one may try others first. */
const MAX_TRIES = 8;
const PAUSE_MS = 25;
const DEADLINE_MS = 10_000;

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;

/** Who has claimed a file. */
export interface Claimed {
  /** other processes; none where that cannot be told */
  readonly by: readonly string[];
  /** this process has, by whatever name: its own jobs wait for each other */
  readonly isOwn: boolean;
}

const NOT_CLAIMED: Claimed = { by: [], isOwn: false };

export interface FileClaims {
  /**
   * @param path without links on the way; need not be there @param holder what is shown to whoever is refused
   * @throws EngineError `PLAN_BLOCKED` (data: check `TARGET_IN_USE`, path, details) where another process has it; `LINK_NOT_FOLLOWED`
   */
  hold(path: string, holder: string): Promise<Claim>;
  /** @param path as for {@link hold} */
  look(path: string): Promise<Claimed>;
}

export function fileClaims(roots: KernelRoots): FileClaims {
  /** how often this process has a name, or the content of a file: from before it asks for the lock until it is free again, so that none of its looks takes it for another's */
  const own = new Map<string, number>();
  let changes = 0;
  const take = (name: string) => {
    changes++;
    own.set(name, (own.get(name) ?? 0) + 1);
  };
  const drop = (name: string) => {
    changes++;
    const left = (own.get(name) ?? 0) - 1;
    if (left > 0) own.set(name, left);
    else own.delete(name);
  };

  /** The lock on a name. @returns null where none can be had there */
  async function tryName(lockPath: string, note: string): Promise<FileHandle | Refused | null> {
    const made = await open(lockPath, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644).catch(codeOf);
    const found = made === 'EEXIST' ? await openLock(lockPath) : made;
    if (found === 'ENOENT' && made === 'EEXIST') return 'gone';
    // who cannot write here is told so when the target is made
    if (typeof found === 'string') return null;
    const state = await lockAlone(found);
    if (state === 'unknown') return closed(found, null);
    if (!(await isStill(found, lockPath))) return closed(found, 'gone');
    if (state !== 'locked') return closed(found, state);
    if (found === made) {
      await found.write(note).catch(() => {});
      return found;
    }
    // somebody was killed and has left it; where it cannot be removed, it is as good as one of ours
    return (await unlink(lockPath).catch(codeOf)) ? found : closed(found, 'gone');
  }

  /** The lock on what has the name now. @returns null where there is nothing to lock */
  async function tryContent(path: string): Promise<FileHandle | Refused | null> {
    const found = await openFile(path, O_RDONLY);
    if (typeof found === 'string') return null;
    const state = await lockAlone(found);
    if (state === 'unknown') return closed(found, null);
    if (!(await isStill(found, path))) return closed(found, 'gone');
    return state === 'locked' ? found : closed(found, state);
  }

  /** Looked at again where this process has taken or let go of something meanwhile: what was busy may have been its own. */
  async function look(path: string): Promise<Claimed> {
    for (let left = MAX_TRIES; ; left--) {
      const before = changes;
      const found = await lookOnce(path);
      if (found.by.length === 0 || changes === before || left === 0) return found;
    }
  }

  async function lookOnce(path: string): Promise<Claimed> {
    const identity = fileIdentity(path);
    if (own.has(path) || (identity && own.has(keyOf(identity)))) return { by: [], isOwn: true };
    const folder = await folderOf(path).catch(() => null);
    if (!folder) return NOT_CLAIMED;
    try {
      return await lookIn(folder, path, identity);
    } finally {
      await folder.close();
    }
  }

  async function lookIn(folder: HeldFolder, path: string, identity: FileIdentity | null): Promise<Claimed> {
    const lockPath = folder.at(lockNameOf(path));
    const note = await noteWhereBusy(lockPath);
    if (note !== null) return { by: [note || folder.shown(lockPath)], isOwn: false };
    const content = await openFile(folder.at(basename(path)), O_RDONLY);
    if (typeof content === 'string') return NOT_CLAIMED;
    const isFree = (await lock(content, '-s')) !== 'busy';
    await content.close();
    if (isFree) return NOT_CLAIMED;
    // by another name
    const holders = flockHolders(roots, identity);
    return { by: holders.length > 0 ? holders : [path], isOwn: false };
  }

  return {
    look,
    async hold(path, holder) {
      // undone from the last to the first, whatever ends it: what this process has is its own until it is free
      const undo: (() => unknown)[] = [];
      const release = async () => {
        for (let step = undo.pop(); step; step = undo.pop()) await Promise.resolve(step()).catch(() => {});
      };
      const had = async (lock: FileHandle | 'taken' | null) => {
        if (lock !== 'taken') return lock;
        await release();
        const { by } = await look(path);
        throw new EngineError('PLAN_BLOCKED', { check: 'TARGET_IN_USE', path, details: by.join(', ') || path });
      };
      try {
        take(path);
        undo.push(() => drop(path));
        const folder = await folderOf(path);
        if (!folder) return { release };
        undo.push(() => folder.close());
        const lockPath = folder.at(lockNameOf(path));
        const name = await had(await patiently(() => tryName(lockPath, `${holder} (process ${process.pid})`)));
        if (name) {
          undo.push(() => name.close());
          undo.push(async () => {
            if (await isStill(name, lockPath)) await unlink(lockPath);
          });
        }
        const content = await had(await patiently(() => tryContent(folder.at(basename(path)))));
        if (content) {
          let key = '';
          undo.push(async () => {
            await content.close();
            if (key !== '') drop(key);
          });
          key = keyOf(await identityOf(content));
          take(key);
        }
        return { release };
      } catch (error) {
        await release();
        throw error;
      }
    },
  };
}

/** Removes what a process that was killed has left, unless somebody has it by now. */
export async function removeLostClaim(path: string): Promise<void> {
  const folder = await folderOf(path).catch(() => null);
  if (!folder) return;
  try {
    const lockPath = folder.at(lockNameOf(path));
    const found = await openLock(lockPath);
    if (typeof found === 'string') return;
    try {
      if ((await lock(found, '-x')) === 'locked' && (await isStill(found, lockPath))) await unlink(lockPath);
    } finally {
      await found.close();
    }
  } finally {
    await folder.close();
  }
}

/**
 * Held, so that nobody leads it elsewhere meanwhile. @returns null where there is none that can be reached
 * @throws EngineError `LINK_NOT_FOLLOWED`
 */
async function folderOf(path: string): Promise<HeldFolder | null> {
  return holdFolder(dirname(path), 'none').catch((error) => {
    if (error instanceof EngineError) throw error;
    return null;
  });
}

/** Beside the file that is claimed; its name is a part of it, so that case and normal forms are the file system's matter here, too. */
function lockNameOf(path: string): string {
  let name = basename(path);
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    const sum = createHash('sha256').update(name).digest('hex').slice(0, 16);
    while (Buffer.byteLength(name) > MAX_NAME_BYTES) name = name.slice(0, -1);
    name += `.${sum}`;
  }
  return `.${name}.lock`;
}

/** @returns what is written in a lock that somebody has; null where nobody has it */
async function noteWhereBusy(lockPath: string): Promise<string | null> {
  const found = await openLock(lockPath);
  if (typeof found === 'string') return null;
  try {
    if ((await lock(found, '-s')) !== 'busy') return null;
    const { buffer, bytesRead } = await found.read(Buffer.alloc(MAX_NOTE_BYTES), 0, MAX_NOTE_BYTES, 0);
    // whoever made it wrote it
    return buffer
      .toString('utf8', 0, bytesRead)
      .replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '')
      .trim();
  } finally {
    await found.close();
  }
}

/** On network file systems only who may write may lock alone. */
async function openLock(path: string): Promise<FileHandle | string> {
  const found = await openFile(path, O_RDWR);
  return typeof found === 'string' && found !== 'ENOENT' ? openFile(path, O_RDONLY) : found;
}

/** @returns an open regular file, or why there is none */
async function openFile(path: string, access: number): Promise<FileHandle | string> {
  const found = await open(path, access | O_NOFOLLOW | O_NONBLOCK).catch(codeOf);
  if (typeof found === 'string') return found;
  return (await found.stat()).isFile() ? found : closed(found, 'EINVAL');
}

/** Why a lock was not had: what was there has another name by now, somebody asks about it for a moment, or somebody has it. */
type Refused = 'gone' | 'asked' | 'taken';

/** Tries again where that may help. */
async function patiently(attempt: () => Promise<FileHandle | Refused | null>): Promise<FileHandle | 'taken' | null> {
  const giveUpAt = Date.now() + DEADLINE_MS;
  for (let left = MAX_TRIES; left > 0 && Date.now() < giveUpAt;) {
    const answer = await attempt();
    if (answer !== 'gone' && answer !== 'asked' && answer !== 'taken') return answer;
    if (answer === 'taken') left--;
    // not in step with who does the same
    await sleep(PAUSE_MS * (0.5 + Math.random()));
  }
  return 'taken';
}

async function lockAlone(handle: FileHandle): Promise<'locked' | 'asked' | 'taken' | 'unknown'> {
  const state = await lock(handle, '-x');
  if (state !== 'busy') return state;
  // whoever only asks shares it
  return (await lock(handle, '-s')) === 'locked' ? 'asked' : 'taken';
}

/**
 * The lock belongs to the open file, and stays when the program that asked for it has ended.
 * @returns `unknown` where this file system has no locks, or this system no flock(1)
 */
async function lock({ fd }: FileHandle, how: '-x' | '-s'): Promise<'locked' | 'busy' | 'unknown'> {
  const run = { signal: AbortSignal.timeout(DEADLINE_MS), descriptors: [fd], goodCodes: [0, 1] };
  const answer = await runTool('flock', ['-n', how, '3'], run).catch(() => null);
  return answer === null ? 'unknown' : answer.exitCode === 0 ? 'locked' : 'busy';
}

/** Whether the path still names what is open. */
async function isStill(handle: FileHandle, path: string): Promise<boolean> {
  const there = await lstat(path, { bigint: true }).catch(() => null);
  return isSame(await identityOf(handle), there && { device: there.dev, inode: there.ino });
}

async function identityOf(handle: FileHandle): Promise<FileIdentity> {
  const { dev, ino } = await handle.stat({ bigint: true });
  return { device: dev, inode: ino };
}

const keyOf = (file: FileIdentity) => `${file.device}:${file.inode}`;

async function closed<T>(handle: FileHandle, value: T): Promise<T> {
  await handle.close();
  return value;
}

const codeOf = (error: NodeJS.ErrnoException): string => error.code ?? 'UNKNOWN';
