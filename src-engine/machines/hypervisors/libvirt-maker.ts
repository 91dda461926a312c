/** Machines that libvirt is to make: its pools and networks, what it can give, definitions. */
import { isAbsolute } from 'node:path';
import { toEngineError } from '../../core/engine-error.ts';
import { attribute, childNamed, childrenNamed, parseXml, textOf } from '../../core/xml.ts';
import type { Element } from '@xmldom/xmldom';
import { isAccelerated } from '../qemu/acceleration.ts';
import { domainXml } from './libvirt-domain-xml.ts';
import type { DiskPool, Maker } from './maker.port.ts';
import { libvirtVolumes } from './libvirt-volumes.ts';
import type { Power } from './power.port.ts';
import { inFiles, unreachable, virsh, type Virsh } from './virsh.ts';

const MAX_LISTED = 1000;
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;
/** Kinds of pools whose volumes are files of a folder. */
const OF_FILES = new Set(['dir', 'fs', 'netfs']);
/** Kinds of pools whose volumes are devices, of any length and under names that are free to choose. */
const OF_DEVICES = new Set(['logical']);
/** Groups with many volumes are looked through first. */
const VOLUME_DEADLINE_MS = 120_000;

/** @param address of the daemon, for errors @param power of its machines */
export function libvirtMaker(ask: Virsh, address: string, power: Power): Maker {
  const uuids = async (signal: AbortSignal, ...args: string[]) => {
    const said = await ask(signal, ...args).catch((error) => {
      throw unreachable(address, null, error);
    });
    const found = said.split('\n').map((line) => line.trim());
    return found.filter((line) => UUID.test(line)).slice(0, MAX_LISTED);
  };

  return {
    volumes: libvirtVolumes(virsh(address, null, VOLUME_DEADLINE_MS)),

    async pools(signal) {
      const active = new Set(await uuids(signal, 'pool-list', '--uuid'));
      const pools: DiskPool[] = [];
      for (const id of await uuids(signal, 'pool-list', '--all', '--uuid')) {
        const pool = parseXml(await ask(signal, 'pool-dumpxml', '--pool', id), 'libvirt pool', 'pool');
        pools.push({ ...poolOf(pool), isActive: active.has(id) });
      }
      return pools;
    },

    async networks(signal) {
      const active = new Set(await uuids(signal, 'net-list', '--uuid'));
      const networks: { name: string; isActive: boolean }[] = [];
      for (const id of await uuids(signal, 'net-list', '--all', '--uuid')) {
        const network = parseXml(await ask(signal, 'net-dumpxml', '--network', id), 'libvirt network', 'network');
        networks.push({ name: textOf(network, 'name'), isActive: active.has(id) });
      }
      return networks;
    },

    async abilities(machineType, signal) {
      const of = (accelerator: 'kvm' | 'tcg') => {
        const virttype = accelerator === 'kvm' ? 'kvm' : 'qemu';
        return ask(
          signal,
          ...['domcapabilities', '--virttype', virttype, '--arch', 'x86_64', '--machine', machineType],
        ).then((xml) => abilitiesIn(parseXml(xml, 'libvirt capabilities', 'domainCapabilities'), accelerator));
      };
      if (await isAccelerated()) {
        const accelerated = await of('kvm').catch(() => null);
        if (accelerated) return accelerated;
      }
      return of('tcg').catch((error) => {
        throw unreachable(address, null, error);
      });
    },

    async define(vm, signal) {
      await inFiles([domainXml(vm)], ([file]) => ask(signal, 'define', '--file', file, '--validate'));
    },

    async unmake(id, signal) {
      const state = await power.state(id, signal);
      if (state === null) return;
      if (state !== 'off' && state !== 'crashed') {
        // it may have ended meanwhile
        await power.cut(id, signal).catch((error) => {
          if (toEngineError(error).code !== 'TOOL_FAILED') throw error;
        });
      }
      await ask(signal, 'undefine', '--domain', id, '--nvram', '--managed-save');
    },

    async look(pool, signal) {
      await ask(signal, 'pool-refresh', '--pool', pool).catch(() => {});
    },
  };
}

function poolOf(pool: Element): Omit<DiskPool, 'isActive'> {
  const kind = attribute(pool, 'type');
  const path = textOf(childNamed(pool, 'target'), 'path');
  const isPath = isAbsolute(path) && !/\p{Cc}/u.test(path);
  const where = (kinds: ReadonlySet<string>) => (kinds.has(kind) && isPath ? path : null);
  return { name: textOf(pool, 'name'), kind, folder: where(OF_FILES), devices: where(OF_DEVICES) };
}

function abilitiesIn(capabilities: Element, accelerator: 'kvm' | 'tcg') {
  const os = childNamed(capabilities, 'os');
  const tpm = childNamed(childNamed(capabilities, 'devices'), 'tpm');
  return {
    accelerator,
    hasUefi: valuesOf(os, 'firmware').includes('efi'),
    hasSecureBoot: valuesOf(childNamed(os, 'loader'), 'secure').includes('yes'),
    hasTpm: valuesOf(tpm, 'backendModel').includes('emulator'),
    maxProcessors: Number(attribute(childNamed(capabilities, 'vcpu'), 'max')) || 1,
  };
}

function valuesOf(element: Element | null, name: string): string[] {
  if (!element) return [];
  const named = [...childrenNamed(element, 'enum')].filter((one) => attribute(one, 'name') === name);
  return named.flatMap((one) => [...childrenNamed(one, 'value')].map((value) => value.textContent?.trim() ?? ''));
}
