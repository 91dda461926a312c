/** What of a kernel is built in, and what of it lies beside it as modules: lists that came with it. */
import { readLines } from './read-lines.ts';
import type { GuestFiles } from '../guest-files.ts';
import { moduleName, moduleOf } from './first-file-system.ts';
import { OPTION_OF } from './driver-table.ts';

const MODULE_FOLDERS = ['/lib/modules', '/usr/lib/modules'];

export interface KernelModules {
  /** null: nothing tells */
  readonly builtIn: ReadonlySet<string> | null;
  /** null: nothing tells */
  readonly installed: ReadonlySet<string> | null;
}

/** @param version as the kernel says of itself @param named the version in the name of its file, which its configuration has too */
export async function readKernelModules(files: GuestFiles, version: string, named: string): Promise<KernelModules> {
  const folder = await files.firstOf(MODULE_FOLDERS.map((parent) => `${parent}/${version}`));
  const list = (name: string) => (folder === null ? null : listed(files, `${folder}/${name}`));
  return {
    builtIn: (await list('modules.builtin')) ?? (await configured(files, version, named)),
    installed: (await list('modules.dep')) ?? (await list('modules.order')),
  };
}

/** Lists have a path in each line, and after a colon what it needs. */
async function listed(files: GuestFiles, path: string): Promise<Set<string> | null> {
  const found = new Set<string>();
  const isThere = await readLines(files, path, (line) => {
    const module = moduleOf(line.split(':', 1)[0].trim());
    if (module !== null) found.add(module);
  });
  return isThere ? found : null;
}

/** Kernels before 2.6.33 have no list of what is built in. */
async function configured(files: GuestFiles, version: string, named: string): Promise<Set<string> | null> {
  const path = await files.firstOf([...new Set([version, named])].map((one) => `/boot/config-${one}`));
  if (path === null) return null;
  const options = new Set<string>();
  const isThere = await readLines(files, path, (line) => {
    const option = /^CONFIG_(\w+)=y$/.exec(line)?.[1];
    if (option !== undefined) options.add(option);
  });
  const builtIn = Object.entries(OPTION_OF).filter(([, option]) => options.has(option));
  return isThere ? new Set(builtIn.map(([module]) => moduleName(module))) : null;
}
