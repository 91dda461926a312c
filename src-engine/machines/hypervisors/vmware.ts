/** Machines of VMware Workstation, Player and Fusion, read from their own files: VMware itself is not asked, and need not be there. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import type { Vm } from '../../contract/vm.contract.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import type { Hypervisor } from './hypervisor.port.ts';
import { readMachines } from './read-machines.ts';
import { unreadableVm } from './unreadable-vm.ts';
import { readDictionary, type VmwareDictionary } from './vmware-dictionary.ts';
import { findVmxFiles } from './vmware-folders.ts';
import { machineOf, snapshotsOf } from './vmware-machine.ts';

const AT_ONCE = 8;
const MAX_NAMES = 10_000;

export function vmware(): Hypervisor {
  return {
    kind: 'vmx',
    address: '',
    async list(signal) {
      return readMachines(await findVmxFiles(signal), AT_ONCE, signal, (some) =>
        Promise.all(some.map((path) => read(path).catch((error) => unreadable(path, error)))),
      );
    },

    async show(name, signal) {
      signal.throwIfAborted();
      const path = resolve(name);
      return read(path).catch((error) => {
        if (toEngineError(error).code === 'NOT_FOUND') throw new EngineError('VM_NOT_FOUND', { place: `vmx:${name}` });
        throw error;
      });
    },
  };
}

/** @throws EngineError `NOT_FOUND`, `PERMISSION_DENIED`, `BAD_REQUEST`, `FORMAT_INVALID`, `FORMAT_UNSUPPORTED` */
async function read(path: string): Promise<Vm> {
  const entries = await readDictionary(path);
  const definition = machineOf(entries, path);
  const holder = await holderOf(path, entries, definition);
  return {
    ...definition,
    place: `vmx:${path}`,
    hypervisor: 'vmx',
    state: holder?.state ?? 'off',
    ...(holder && { heldBy: holder.file }),
    snapshots: snapshotsOf(await readDictionary(join(dirname(path), `${stemOf(path)}.vmsd`)).catch(() => new Map())),
  };
}

/** Why it cannot be read is told by whoever asks for it alone. */
function unreadable(path: string, error: unknown): Vm {
  toEngineError(error);
  return unreadableVm('vmx', `vmx:${path}`, stemOf(path), '');
}

const stemOf = (path: string) => basename(path, extname(path));

interface Holder {
  readonly state: 'running' | 'saved';
  /** name of the file that tells it */
  readonly file: string;
}

/**
 * What lies beside a machine that is not off: folders named `.lck` while VMware has a file of it, `.vmem` is the memory of one that runs,
 * `.vmss` the memory of one that is suspended. A snapshot has a memory too, which tells nothing.
 */
async function holderOf(path: string, entries: VmwareDictionary, { disks }: Pick<Vm, 'disks'>): Promise<Holder | null> {
  const folder = dirname(path);
  const names = (await readdir(folder).catch(() => [] as string[])).slice(0, MAX_NAMES);
  const stem = stemOf(path).toLowerCase();
  // another machine may lie in the same folder
  const isOwn = (name: string) =>
    (name.toLowerCase().startsWith(stem) && /^[.-]/.test(name.slice(stem.length))) || /^564d[\da-f-]{20,}/i.test(name);
  const isSnapshot = (name: string) => /-snapshot\d+\.\w+$/i.test(name);
  const ofDisks = disks.filter(({ placed }) => placed === 'file').map((disk) => `${disk.path!}.lck`);
  const locked = names.find((name) => /\.lck$/i.test(name) && isOwn(name));
  const lockedDisk = locked ? null : await firstThere(ofDisks);
  const memory = names.find((name) => /\.vmem$/i.test(name) && isOwn(name) && !isSnapshot(name));
  const suspended = names.find((name) => /\.vmss$/i.test(name) && isOwn(name));
  const saidSuspended = entries.get('checkpoint.vmstate');
  if (locked || lockedDisk) return { state: 'running', file: locked ?? basename(lockedDisk!) };
  if (suspended || saidSuspended) return { state: 'saved', file: (suspended ?? saidSuspended!).slice(0, 255) };
  return memory ? { state: 'running', file: memory } : null;
}

async function firstThere(paths: readonly string[]): Promise<string | null> {
  for (const path of paths) if (await stat(path).catch(() => null)) return path;
  return null;
}
