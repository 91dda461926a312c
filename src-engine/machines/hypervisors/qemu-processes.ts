/** Machines that somebody started with QEMU alone: nobody manages them, so they are told from their processes. Source: proc(5) */
import { readlinkSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import type { Vm, VmDisk } from '../../contract/vm.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import { bytesOf, KERNEL_ROOTS, names, type KernelRoots } from '../linux/kernel-files.ts';
import { fileIdentity, imagesWrittenBy, isSame } from '../linux/open-files.ts';
import type { Hypervisor } from './hypervisor.port.ts';
import { parseCommandLine, type QemuDefinition } from './qemu-options.ts';
import { inNaturalOrder } from './read-machines.ts';

const MAX_ARGUMENT_BYTES = 1024 * 1024;

export function qemuProcesses(roots: KernelRoots = KERNEL_ROOTS): Hypervisor {
  return {
    kind: 'qemu',
    address: '',
    async list(signal) {
      const machines: Vm[] = [];
      for (const pid of names(roots.proc)) {
        signal.throwIfAborted();
        const machine = /^\d+$/.test(pid) ? machineOf(roots, pid) : null;
        if (machine) machines.push(machine);
      }
      return inNaturalOrder(machines);
    },

    async show(pid, signal) {
      signal.throwIfAborted();
      const machine = machineOf(roots, pid);
      if (!machine) throw new EngineError('VM_NOT_FOUND', { place: `qemu:${pid}` });
      return machine;
    },
  };
}

/** @returns null for a process of something else, one that has ended, and one of ours, which proves that a template boots */
function machineOf({ proc, ...roots }: KernelRoots, pid: string): Vm | null {
  const line = bytesOf(proc, pid, 'cmdline').subarray(0, MAX_ARGUMENT_BYTES).toString('utf8');
  const args = line.split('\0');
  const program = basename(args[0]);
  if (!/^(qemu-system-[\w-]+|qemu-kvm|kvm)$/.test(program) || args.length < 2) return null;
  if (args.at(-1) === '') args.pop();
  if (args[args.indexOf('-name') + 1] === 'diskpress') return null;
  const { flashPaths, ...definition } = parseCommandLine(args, workingFolder(proc, pid));
  return {
    ...definition,
    disks: [...definition.disks, ...otherImages({ proc, ...roots }, pid, definition, flashPaths)],
    place: `qemu:${pid}`,
    hypervisor: 'qemu',
    state: 'running',
    heldBy: `${program} (${pid})`,
    snapshots: null,
  };
}

/** Disks that were plugged in after it was started. */
function otherImages(
  roots: KernelRoots,
  pid: string,
  { disks }: Pick<QemuDefinition, 'disks'>,
  flashPaths: readonly string[],
): VmDisk[] {
  const known = [...disks.flatMap(({ path }) => path ?? []), ...flashPaths].map(fileIdentity);
  return imagesWrittenBy(roots, pid)
    .filter((path) => !known.some((file) => isSame(file, fileIdentity(path))))
    .map((path, i) => ({
      name: `plugged${i}`,
      isOptical: false,
      bus: null,
      placed: isBlockDevice(path) ? 'device' : 'file',
      path,
      format: null,
      isReadOnly: false,
      isShared: false,
      serial: null,
      bootOrder: null,
    }));
}

function isBlockDevice(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isBlockDevice() ?? false;
}

function workingFolder(proc: string, pid: string): string | null {
  try {
    return readlinkSync(`${proc}/${pid}/cwd`);
  } catch {
    return null;
  }
}
