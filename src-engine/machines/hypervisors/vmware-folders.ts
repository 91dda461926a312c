/** Where VMware's machines lie: what it lists itself, and the folders that it makes new ones in. Disks are not searched. */
import { readdir, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { readDictionary, type VmwareDictionary } from './vmware-dictionary.ts';

const MAX_MACHINES = 1000;
/** Of one folder: whoever has more keeps something else in it. */
const MAX_NAMES = 2000;

/** @returns absolute paths of .vmx files, each once; a folder or a list that cannot be read has none */
export async function findVmxFiles(signal: AbortSignal): Promise<string[]> {
  const found = new Map<string, string>();
  const add = async (path: string) => {
    const real = await realpath(path).catch(() => null);
    if (real !== null && found.size < MAX_MACHINES && !found.has(real)) found.set(real, path);
  };
  const settings = settingsFolders();
  for (const list of settings.flatMap((folder) => [join(folder, 'inventory.vmls'), join(folder, 'vmInventory')]))
    for (const path of inventoried(await dictionaryOrNull(list))) await add(path);
  const named = await Promise.all(
    settings.map(async (folder) => (await dictionaryOrNull(join(folder, 'preferences')))?.get('prefvmx.defaultvmpath')),
  );
  for (const folder of [...new Set([...named.filter((path) => path && isAbsolute(path)), ...usualFolders()])]) {
    signal.throwIfAborted();
    for (const path of await vmxFilesIn(folder!)) await add(path);
  }
  return [...found.values()];
}

/** Its own, and those of the folders in it: VMware makes one for each machine. */
async function vmxFilesIn(folder: string): Promise<string[]> {
  const entries = await entriesOf(folder);
  const inner = await Promise.all(
    entries.filter((entry) => entry.isDirectory()).map(async ({ name }) => namesOf(join(folder, name))),
  );
  return [...(await namesOf(folder, entries)), ...inner.flat()];
}

async function namesOf(folder: string, entries?: Awaited<ReturnType<typeof entriesOf>>): Promise<string[]> {
  return (entries ?? (await entriesOf(folder)))
    .filter((entry) => /\.vmx$/i.test(entry.name) && !entry.isDirectory())
    .map(({ name }) => join(folder, name));
}

async function entriesOf(folder: string) {
  return (await readdir(folder, { withFileTypes: true }).catch(() => [])).slice(0, MAX_NAMES);
}

function inventoried(entries: VmwareDictionary | null): string[] {
  const listed = [...(entries ?? [])].filter(([key]) => /^(vmlist\d+\.config|index\d+\.id)$/.test(key));
  return listed.map(([, path]) => path).filter((path) => isAbsolute(path) && /\.vmx$/i.test(path));
}

function dictionaryOrNull(path: string): Promise<VmwareDictionary | null> {
  return readDictionary(path).catch(() => null);
}

function settingsFolders(): string[] {
  const home = homeFolder();
  const roaming = process.env.APPDATA;
  return [
    join(home, '.vmware'),
    join(home, 'Library/Application Support/VMware Fusion'),
    ...(roaming ? [join(roaming, 'VMware')] : []),
  ];
}

function usualFolders(): string[] {
  const own = ['vmware', 'Virtual Machines', 'Documents/Virtual Machines'];
  return [
    ...own.map((folder) => resolve(homeFolder(), folder)),
    ...['Virtual Machines.localized', 'Documents/Virtual Machines.localized'].map((one) => resolve(homeFolder(), one)),
    '/var/lib/vmware/Virtual Machines',
    '/var/lib/vmware/Shared VMs',
  ];
}

const homeFolder = () => process.env.HOME || homedir();
