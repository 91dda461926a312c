/** Libvirt, asked through its own program: virsh. What it says is read where it is numbers, UUIDs and XML, not words of a language. */
import type { Vm } from '../../contract/vm.contract.ts';
import { isPlaceName, writeRemotePlace, type SshHost } from '../../contract/vm-place.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import type { Hypervisor } from './hypervisor.port.ts';
import { defineFrom } from './libvirt-definition.ts';
import { domainOf, machineOf, poolVolumesOf } from './libvirt-domain.ts';
import { placeOfVolume } from './libvirt-pools.ts';
import { LIBVIRT_STATES, libvirtPower } from './libvirt-power.ts';
import { readMachines } from './read-machines.ts';
import { unreadableVm } from './unreadable-vm.ts';
import { libvirtStreams } from './libvirt-streams.ts';
import { askSeveral, unreachable, virsh } from './virsh.ts';
import { libvirtLive } from './libvirt-live.ts';
import { libvirtMaker } from './libvirt-maker.ts';

const MAX_MACHINES = 10_000;
/** Definitions that are asked for at once. */
const AT_ONCE = 8;
/** Without a host: 'qemu:///system'. */
const LOCAL = /^[a-z]+:\/\/\//;
const LINE = /^\s*([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})\s+(.+?)\s*$/s;

/** @param address of the daemon: 'qemu:///system' @param host another machine that the daemon is on; null: this one */
export function libvirt(address: string, host: SshHost | null = null): Hypervisor {
  const ask = virsh(address, host);
  const power = libvirtPower(address, host);
  const placeOf = (name: string, id: string) => (host ? writeRemotePlace(host, { name, id }) : `libvirt:${name}`);

  /** Of one that its name does not tell. */
  const stateOf = async (id: string, signal: AbortSignal): Promise<Vm['state']> => {
    const state = await power.state(id, signal).catch(() => null);
    signal.throwIfAborted();
    return state ?? 'unknown';
  };

  /** Which machines there are, and in which state each is: all of it at once, since connecting may take long. */
  const survey = async (signal: AbortSignal) => {
    const list = ['list', '--all', '--uuid', '--name'];
    const asked = [list, ['domstats', '--state'], [...list, '--with-managed-save']];
    const [all, stats, saved] = (await askSeveral(address, host, signal, asked)).map((one) => {
      if (one.status === 'rejected') throw unreachable(address, host, one.reason);
      return one.value;
    });
    const found = named(all);
    const isSaved = named(saved);
    const known = statesOf(stats);
    const states = new Map<string, Vm['state']>();
    for (const [id, name] of found) {
      const state = known.get(name) ?? (await stateOf(id, signal));
      // it says only of a machine that is off that its memory is kept, and not in its state
      states.set(id, state === 'off' && isSaved.has(id) ? 'saved' : state);
    }
    return { found, states };
  };

  /** By UUID: a name can look like a number or an option. */
  const look = async (
    [id, name]: readonly [id: string, name: string],
    states: ReadonlyMap<string, Vm['state']>,
    xml: string,
    snapshots: readonly string[] | null,
    signal: AbortSignal,
  ): Promise<Vm> => {
    const domain = domainOf(xml);
    const machine = machineOf(domain);
    const disks = [...machine.disks];
    for (const [i, volume] of poolVolumesOf(domain).entries()) {
      if (volume) disks[i] = { ...disks[i], ...(await placeOfVolume(ask, volume, signal)) };
    }
    return {
      ...machine,
      disks,
      place: placeOf(name, id),
      hypervisor: 'libvirt',
      state: states.get(id) ?? 'unknown',
      snapshots: snapshots && [...snapshots],
    };
  };

  return {
    kind: 'libvirt',
    address,
    power,
    // sockets of this machine are nothing on another
    streams: host ? undefined : libvirtStreams(ask),
    live: host ? undefined : libvirtLive(ask),
    maker: host || !LOCAL.test(address) ? undefined : libvirtMaker(ask, address, power),
    async list(signal) {
      const { found, states } = await survey(signal);
      return readMachines([...found], AT_ONCE, signal, async (some) => {
        const asked = some.map(([id]) => definitionOf(id));
        const looks = (await askSeveral(address, host, signal, asked)).map(async (told, at) => {
          const [id, name] = some[at];
          try {
            return await look(some[at], states, valueOf(told), null, signal);
          } catch (error) {
            return unreadable(placeOf(name, id), id, name, error);
          }
        });
        return Promise.all(looks);
      });
    },

    async show(name, signal) {
      const { found, states } = await survey(signal);
      const own = [...found].find(([id, itsName]) => itsName === name || id === name.toLowerCase());
      if (!own) throw new EngineError('VM_NOT_FOUND', { place: placeOf(name, name) });
      const [id] = own;
      const asked = [definitionOf(id), ['snapshot-list', '--name', '--domain', id]];
      const [xml, snapshots] = (await askSeveral(address, host, signal, asked)).map(valueOf);
      return look(own, states, xml, linesOf(snapshots), signal);
    },

    async define(id, signal) {
      return defineFrom(await ask(signal, ...definitionOf(id)));
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

function valueOf(one: PromiseSettledResult<string>): string {
  if (one.status === 'rejected') throw one.reason;
  return one.value;
}

const definitionOf = (id: string) => ['dumpxml', '--inactive', '--domain', id];

/** By names. */
function statesOf(stats: string): Map<string, Vm['state']> {
  const found = new Map<string, Vm['state']>();
  let name = '';
  for (const line of linesOf(stats)) {
    name = /^Domain: '(.*)'$/s.exec(line)?.[1].trim() ?? name;
    const [, state] = /^state\.state=(\d+)$/.exec(line) ?? [];
    if (state !== undefined) found.set(name, LIBVIRT_STATES[state] ?? 'unknown');
  }
  return found;
}

/** What each is called, by UUID: its name; its UUID where the name cannot stand in a place, or is another's too but for blanks around it. */
function named(text: string): Map<string, string> {
  const found = new Map<string, string>();
  const first = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, id, name] = LINE.exec(line) ?? [];
    if (id === undefined || found.size >= MAX_MACHINES) continue;
    const other = first.get(name);
    if (other !== undefined) found.set(other, other);
    else first.set(name, id);
    found.set(id, other === undefined && isPlaceName(name) ? name : id);
  }
  return found;
}

const linesOf = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
