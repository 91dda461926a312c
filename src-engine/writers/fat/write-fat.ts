/** Carries out steps in FAT by mtools: nothing is mounted, and no privilege is needed. */
import { runTool } from '../../tools/run-tool.ts';
import type { Tool } from '../../tools/tools.ts';
import { ContentFiles } from '../content-files.ts';
import { unsafe } from '../refusals.ts';
import type { Names, VolumeChanges, VolumeStep } from '../steps.port.ts';
import { HANDED, type VolumePlace } from '../volume-place.ts';

/** What mtools reads as patterns, drives and folders, whatever stands around it. */
const MISREAD = /[*?[\]\\:"]/;

/**
 * Permissions and owners are not kept there and not asked for.
 * @throws EngineError `TOOL_FAILED`, `TOOL_MISSING`, `TOOL_TIMED_OUT`, `GUEST_UNSAFE`
 */
export async function writeFat(changes: VolumeChanges, place: VolumePlace, signal: AbortSignal): Promise<void> {
  const image = ['-i', `${HANDED}@@${place.offsetBytes}`];
  const contents = new ContentFiles();
  const run = (tool: Tool, ...args: string[]) =>
    runTool(tool, [...image, ...args], {
      signal,
      descriptors: [place.descriptor, ...contents.descriptors],
      // names that are no ASCII; file systems that it finds unusual
      env: { LC_ALL: 'C.UTF-8', MTOOLS_SKIP_CHECK: '1', MTOOLSRC: '/dev/null' },
    });

  async function carryOut(step: VolumeStep): Promise<void> {
    const path = pathOf(step.names, step.change.path);
    switch (step.do) {
      case 'make-folder':
        return step.isThere ? undefined : void (await run('mmd', path));
      case 'put-file': {
        if (step.was?.node) await run('mattrib', '-r', path);
        const source = `/dev/fd/${4 + (await contents.add(step.bytes, step.kept))}`;
        return void (await run('mcopy', '-o', source, path).finally(() => contents.close()));
      }
      case 'remove-file':
        await run('mattrib', '-r', path);
        return void (await run('mdel', path));
      case 'clear-folder': {
        if (!step.keepsItself) return void (await run('mdeltree', path));
        for await (const batch of changes.tree.list(step.node, signal)) {
          for (const { name, node } of batch) {
            const own = [...step.names, name];
            if (step.kept.some((kept) => kept[step.names.length] === name)) continue;
            await run(node.kind === 'folder' ? 'mdeltree' : 'mdel', pathOf(own, step.change.path));
          }
        }
        return;
      }
      case 'put-link':
        throw unsafe(step.change.path, 'no-links');
    }
  }

  try {
    for (const step of changes.steps) await carryOut(step);
  } finally {
    await contents.close();
  }
}

function pathOf(names: Names, changed: string): string {
  if (names.some((name) => MISREAD.test(name))) throw unsafe(changed, 'name');
  return `::/${names.join('/')}`;
}
