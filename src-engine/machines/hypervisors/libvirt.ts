/** Libvirt, asked through its own program: virsh. What it says is read where it is numbers, UUIDs and XML, not words of a language. */
import type { Vm } from '../../contract/vm.contract.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import type { Hypervisor } from './hypervisor.port.ts';
import { parseDomain } from './libvirt-domain.ts';
import { libvirtMaker } from './libvirt-maker.ts';
import { libvirtPower } from './libvirt-power.ts';
import { unreachable, virsh } from './virsh.ts';

const MAX_MACHINES = 10_000;
/** virsh is a process for each question; more at once than this is no faster. */
const AT_ONCE = 4;
/** Without a host: 'qemu:///system'. */
const LOCAL = /^[a-z]+:\/\/\//;
const LINE = /^\s*([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})\s+(.+?)\s*$/;

/** virDomainState of libvirt-domain.h. */
const STATES: Readonly<Record<string, Vm['state']>> = {
  '1': 'running',
  '2': 'running',
  '3': 'paused',
  '4': 'shutting-down',
  '5': 'off',
  '6': 'crashed',
  '7': 'paused',
};

/** @param address of the daemon: 'qemu:///system' */
export function libvirt(address: string): Hypervisor {
  const ask = virsh(address);

  /** Names by UUID. */
  const all = async (signal: AbortSignal) => {
    const found = new Map<string, string>();
    const text = await ask(signal, 'list', '--all', '--uuid', '--name').catch((error) => {
      throw unreachable(address, error);
    });
    for (const line of text.split('\n')) {
      const [, id, name] = LINE.exec(line) ?? [];
      if (id !== undefined && found.size < MAX_MACHINES) found.set(id, name);
    }
    return found;
  };

  /** By names: of all machines, or of one. */
  const states = async (signal: AbortSignal, ...only: string[]) => {
    const found = new Map<string, Vm['state']>();
    let name = '';
    for (const line of linesOf(await ask(signal, 'domstats', '--state', ...only))) {
      name = /^Domain: '(.*)'$/.exec(line)?.[1] ?? name;
      const [, state] = /^state\.state=(\d+)$/.exec(line) ?? [];
      if (state !== undefined) found.set(name, STATES[state] ?? 'unknown');
    }
    return found;
  };

  /** By UUID: a name can look like a number or an option. */
  const look = async (
    id: string,
    known: ReadonlyMap<string, Vm['state']>,
    snapshots: readonly string[] | null,
    signal: AbortSignal,
  ): Promise<Vm> => {
    const definition = parseDomain(await ask(signal, 'dumpxml', '--inactive', '--domain', id));
    const { name } = definition;
    return {
      ...definition,
      place: `libvirt:${name}`,
      hypervisor: 'libvirt',
      state: known.get(name) ?? 'unknown',
      snapshots: snapshots && [...snapshots],
    };
  };

  return {
    kind: 'libvirt',
    address,
    power: libvirtPower(ask),
    maker: LOCAL.test(address) ? libvirtMaker(ask, address) : null,
    async list(signal) {
      const found = [...(await all(signal))];
      const known = await states(signal);
      const machines: Vm[] = [];
      for (let i = 0; i < found.length; i += AT_ONCE) {
        const some = found.slice(i, i + AT_ONCE);
        machines.push(
          ...(
            await Promise.all(
              some.map(([id, name]) => look(id, known, null, signal).catch((error) => unreadable(id, name, error))),
            )
          ).filter((machine) => machine !== null),
        );
      }
      return machines.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
    },

    async show(name, signal) {
      const found = [...(await all(signal))].find(([id, own]) => own === name || id === name.toLowerCase());
      if (!found) throw new EngineError('VM_NOT_FOUND', { place: `libvirt:${name}` });
      const [id] = found;
      const snapshots = linesOf(await ask(signal, 'snapshot-list', '--name', '--domain', id));
      return look(id, await states(signal, id), snapshots, signal);
    },
  };
}

/** @returns null for a machine that went away meanwhile, or that says nothing that can be read */
function unreadable(id: string, name: string, error: unknown): Vm | null {
  const { code } = toEngineError(error);
  if (code === 'TOOL_FAILED') return null;
  if (code !== 'FORMAT_INVALID') throw error;
  return {
    place: `libvirt:${name}`,
    hypervisor: 'libvirt',
    name,
    id,
    state: 'unknown',
    operatingSystem: null,
    processors: null,
    memoryBytes: null,
    firmware: null,
    hasSecureBoot: false,
    hasTpm: false,
    machineType: null,
    architecture: null,
    disks: [],
    networks: [],
    snapshots: null,
  };
}

const linesOf = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
