/** Loop devices of a deploy that was killed in the moment between the one call that makes them and the other that has them end by themselves. */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { runTool } from '../tools/run-tool.ts';

/** Linux, Documentation/ABI/testing/sysfs-block-loop. */
const BLOCK_DEVICES = '/sys/block';
/** A program that was being started when its deploy was killed does not hear of it (prctl(2), PR_SET_PDEATHSIG), and may make one yet. */
const LAST_MADE_AFTER_MS = 500;

/**
 * Detaches what stands for parts of the targets of a deploy that is lost: of all of them at once, since it waits. Never fails: whoever may not do it could not have made any.
 * @param isTarget whether that is what is behind it: a device's path, or a file's
 */
export async function detachLostLoops(isTarget: (path: string) => boolean): Promise<void> {
  await detachLoops(isTarget);
  await sleep(LAST_MADE_AFTER_MS);
  await detachLoops(isTarget);
}

async function detachLoops(isTarget: (path: string) => boolean): Promise<void> {
  const names = await readdir(BLOCK_DEVICES).catch(() => [] as string[]);
  for (const name of names.filter((one) => one.startsWith('loop'))) {
    const told = (fact: string) => readFile(`${BLOCK_DEVICES}/${name}/loop/${fact}`, 'utf8').catch(() => '');
    const [path, offset, ends] = await Promise.all([told('backing_file'), told('offset'), told('autoclear')]);
    if (ends.trim() !== '0' || Number(offset) === 0 || !isTarget(path.trimEnd())) continue;
    await runTool('losetup', ['--detach', `/dev/${name}`], { signal: AbortSignal.timeout(60_000) }).catch(() => {});
  }
}
