/** Libvirt, asked through its own program: virsh. What it says is read where it is numbers, UUIDs and XML, not words of a language. */
import type { Vm } from '../../contract/vm.contract.ts';
import { writeRemotePlace, type SshHost } from '../../contract/vm-place.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import type { Hypervisor } from './hypervisor.port.ts';
import { defineFrom } from './libvirt-definition.ts';
import { domainOf, machineOf, poolVolumesOf } from './libvirt-domain.ts';
import { placeOfVolume } from './libvirt-pools.ts';
import { LIBVIRT_STATES, libvirtPower } from './libvirt-power.ts';
import { unreadableVm } from './unreadable-vm.ts';
import { libvirtStreams } from './libvirt-streams.ts';
import { libvirtLive } from './libvirt-live.ts';
import { unreachable, virsh } from './virsh.ts';

const MAX_MACHINES = 10_000;
/** virsh is a process for each question; more at once than this is no faster. */
const AT_ONCE = 4;
const LINE = /^\s*([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})\s+(.+?)\s*$/;

/** @param address of the daemon: 'qemu:///system' @param host another machine that the daemon is on; null: this one */
export function libvirt(address: string, host: SshHost | null = null): Hypervisor {
  const ask = virsh(address, host);
  const placeOf = (name: string, id: string) => (host ? writeRemotePlace(host, { name, id }) : `libvirt:${name}`);

  /** Names by UUID. */
  const all = async (signal: AbortSignal) => {
    const text = await ask(signal, 'list', '--all', '--uuid', '--name').catch((error) => {
      throw unreachable(address, host, error);
    });
    return named(text);
  };

  /** By names: of all machines, or of one. */
  const states = async (signal: AbortSignal, ...only: string[]) => {
    const found = new Map<string, Vm['state']>();
    let name = '';
    for (const line of linesOf(await ask(signal, 'domstats', '--state', ...only))) {
      name = /^Domain: '(.*)'$/.exec(line)?.[1] ?? name;
      const [, state] = /^state\.state=(\d+)$/.exec(line) ?? [];
      if (state !== undefined) found.set(name, LIBVIRT_STATES[state] ?? 'unknown');
    }
    // it says only of a machine that is off that its memory is kept, and not in its state
    if (![...found.values()].includes('off')) return found;
    for (const [, saved] of named(await ask(signal, 'list', '--all', '--with-managed-save', '--uuid', '--name'))) {
      if (found.get(saved) === 'off') found.set(saved, 'saved');
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
    const domain = domainOf(await ask(signal, 'dumpxml', '--inactive', '--domain', id));
    const machine = machineOf(domain);
    const { name } = machine;
    const disks = [...machine.disks];
    for (const [i, volume] of poolVolumesOf(domain).entries()) {
      if (volume) disks[i] = { ...disks[i], ...(await placeOfVolume(ask, volume, signal)) };
    }
    return {
      ...machine,
      disks,
      place: placeOf(name, id),
      hypervisor: 'libvirt',
      state: known.get(name) ?? 'unknown',
      snapshots: snapshots && [...snapshots],
    };
  };

  /** Those that can be read, and those that are there though they cannot. */
  const lookAll = async (
    found: readonly (readonly [id: string, name: string])[],
    known: ReadonlyMap<string, Vm['state']>,
    signal: AbortSignal,
  ): Promise<Vm[]> => {
    const machines: Vm[] = [];
    for (let i = 0; i < found.length; i += AT_ONCE) {
      const some = found
        .slice(i, i + AT_ONCE)
        .map(([id, name]) =>
          look(id, known, null, signal).catch((error) => unreadable(placeOf(name, id), id, name, error)),
        );
      machines.push(...(await Promise.all(some)).filter((machine) => machine !== null));
    }
    return machines;
  };

  return {
    kind: 'libvirt',
    address,
    power: libvirtPower(address, host),
    // sockets of this machine are nothing on another
    streams: host ? null : libvirtStreams(ask),
    live: host ? null : libvirtLive(ask),
    async list(signal) {
      const found = [...(await all(signal))];
      const machines = await lookAll(found, await states(signal), signal);
      return machines.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
    },

    async listOn(except, signal) {
      const text = await ask(signal, 'list', '--uuid', '--name').catch((error) => {
        throw unreachable(address, host, error);
      });
      const found = [...named(text)].filter(([id]) => id !== except);
      return lookAll(found, new Map(found.map(([, name]) => [name, 'running'])), signal);
    },

    async show(name, signal) {
      const found = [...(await all(signal))].find(([id, own]) => own === name || id === name.toLowerCase());
      if (!found) throw new EngineError('VM_NOT_FOUND', { place: placeOf(name, name) });
      const [id] = found;
      const snapshots = linesOf(await ask(signal, 'snapshot-list', '--name', '--domain', id));
      return look(id, await states(signal, id), snapshots, signal);
    },

    async define(id, signal) {
      return defineFrom(await ask(signal, 'dumpxml', '--inactive', '--domain', id));
    },
  };
}

/** @returns null for a machine that went away meanwhile, or that says nothing that can be read */
function unreadable(place: string, id: string, name: string, error: unknown): Vm | null {
  const { code } = toEngineError(error);
  if (code === 'TOOL_FAILED') return null;
  if (code !== 'FORMAT_INVALID') throw error;
  return unreadableVm('libvirt', place, name, id);
}

/** Names by UUID. */
function named(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, id, name] = LINE.exec(line) ?? [];
    if (id !== undefined && found.size < MAX_MACHINES) found.set(id, name);
  }
  return found;
}

const linesOf = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
