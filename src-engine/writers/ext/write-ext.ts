/** Carries out steps in ext2, ext3 and ext4 by e2fsprogs: nothing is mounted, and no privilege is needed. */
import { EngineError } from '../../core/engine-error.ts';
import { bytesOfName } from '../../filesystems/names.ts';
import { withLoopDevice } from '../../tools/loop-device.ts';
import { runTool } from '../../tools/run-tool.ts';
import { ContentFiles } from '../content-files.ts';
import { folderContents } from '../folder-contents.ts';
import { impossible } from '../refusals.ts';
import type { Ownership, VolumeChanges, VolumeStep } from '../steps.port.ts';
import { HANDED, type VolumePlace } from '../volume-place.ts';
import { attributesOf, type Attribute } from './attributes.ts';
import { debugfs, pathOf, type Request } from './debugfs.ts';
import { isRoot } from '../../core/is-root.ts';

/** A whole check of a large disk takes its time. */
const CHECK_DEADLINE_MS = 60 * 60_000;
/** e2fsck(8): 1 and 2 say that it has mended what it found */
const MENDED = [0, 1, 2];
/** inode(7) */
const REGULAR_FILE = 0o100000;
const FOLDER = 0o040000;

/**
 * A journal that was not replayed is replayed first. Extended attributes of what is replaced stay; what is new gets the SELinux label
 * of its folder, as the kernel would give it. Ends with a whole check.
 * @throws EngineError `TOOL_FAILED`, `TOOL_MISSING`, `TOOL_TIMED_OUT`, `GUEST_UNSAFE`
 */
export async function writeExt(changes: VolumeChanges, place: VolumePlace, signal: AbortSignal): Promise<void> {
  const volume = `${HANDED}?offset=${place.offsetBytes}`;
  const check = (args: string[], goodCodes: readonly number[]) =>
    runTool('e2fsck', [...args, volume], {
      signal,
      goodCodes,
      deadlineMs: CHECK_DEADLINE_MS,
      descriptors: [place.descriptor],
    });
  await check(['-p'], MENDED).catch((error) => replayed(error, place, signal));
  for (let at = 0; at < changes.steps.length; at += STEPS_AT_ONCE) {
    const contents = new ContentFiles();
    const run = (writes: boolean) => (requests: Request[]) =>
      debugfs(requests, { volume, descriptors: [place.descriptor, ...contents.descriptors], writes, signal });
    try {
      const steps = changes.steps.slice(at, at + STEPS_AT_ONCE);
      const attributes = await attributesOf(steps, contents, FIRST_CONTENT, run(false));
      const requests: Request[] = [];
      for (const step of steps) {
        requests.push(...(await requestsOf(changes, step, contents, signal)));
        requests.push(...setting(step, attributes.get(step) ?? []));
      }
      await run(true)(requests);
    } finally {
      await contents.close();
    }
  }
  // counts that debugfs does not keep up, as those of quotas, are put right
  const { exitCode } = await check(['-f', '-n'], [0, 4]);
  if (exitCode !== 0) await check(['-f', '-p'], MENDED);
}

/** e2fsck and debugfs lose the offset of a file system while they replay its journal: a device of its own has none. */
async function replayed(error: unknown, place: VolumePlace, signal: AbortSignal): Promise<void> {
  if (!(error instanceof EngineError) || !/while trying to re-open/.test(String(error.data.said))) throw error;
  if (!isRoot()) throw impossible('/', 'journal');
  await withLoopDevice(place, signal, (device) =>
    runTool('e2fsck', ['-p', device], { signal, goodCodes: MENDED, deadlineMs: CHECK_DEADLINE_MS }),
  );
}

/** Each may need some open files. */
const STEPS_AT_ONCE = 200;
/** Descriptors 0 to 2 are everybody's, 3 is the disk. */
const FIRST_CONTENT = 4;

async function requestsOf(
  changes: VolumeChanges,
  step: VolumeStep,
  contents: ContentFiles,
  signal: AbortSignal,
): Promise<Request[]> {
  const { path } = step.change;
  const request = (name: string, ...words: Buffer[]): Request => ({ name, words, path });
  const own = pathOf(step.names);
  // debugfs takes the folder of a file at the top of a volume for the one that it is in: it is in the right one then
  const into = [request('cd', pathOf(step.names.slice(0, -1)))];
  const last = () => bytesOfName(step.names.at(-1)!);
  switch (step.do) {
    case 'make-folder':
      return [...(step.isThere ? [] : [...into, request('mkdir', last())]), ...ownership(step, FOLDER, own, path)];
    case 'remove-file':
      return [...into, request('rm', own)];
    case 'clear-folder': {
      const below = await folderContents(changes, step, signal);
      const removals = below.map(({ names, kind }) => request(kind === 'folder' ? 'rmdir' : 'rm', pathOf(names)));
      return [...into, ...removals, ...(step.keepsItself ? [] : [request('rmdir', own)])];
    }
    case 'put-link':
      return [
        ...into,
        ...(step.was ? [request('rm', own)] : []),
        request('symlink', last(), Buffer.from(step.change.target)),
      ];
    case 'put-file': {
      const source = FIRST_CONTENT + (await contents.add(step.bytes, step.kept));
      return [
        ...into,
        ...(step.was ? [request('rm', own)] : []),
        request('write', Buffer.from(`/dev/fd/${source}`), last()),
        ...ownership(step, REGULAR_FILE, own, path),
      ];
    }
  }
}

function ownership({ mode, userId, groupId }: Ownership, type: number, own: Buffer, path: string): Request[] {
  const fields = { mode: `0${(type | mode).toString(8)}`, uid: String(userId), gid: String(groupId) };
  return Object.entries(fields).map(([field, value]) => ({
    name: 'set_inode_field',
    words: [own, Buffer.from(field), Buffer.from(value)],
    path,
  }));
}

function setting({ names, change }: VolumeStep, attributes: readonly Attribute[]): Request[] {
  return attributes.map(({ name, source }) => ({
    name: 'ea_set',
    words: [Buffer.from('-f'), Buffer.from(`/dev/fd/${source}`), pathOf(names), Buffer.from(name)],
    path: change.path,
  }));
}
