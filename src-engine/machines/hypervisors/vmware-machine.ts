/** What a .vmx file says of a machine. Source: VMware's own files of hardware versions 8 to 21, as Workstation, Player, Fusion and ESXi write them. */
import { basename, dirname, resolve } from 'node:path';
import type { Vm, VmDisk } from '../../contract/vm.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import { countOf, short } from './vm-text.ts';
import { isTrue, type VmwareDictionary } from './vmware-dictionary.ts';

const MAX_DISKS = 1000;
const MAX_CARDS = 100;
const MAX_SNAPSHOTS = 10_000;
const MIB = 1024 * 1024;
/** In the order in which firmware looks at them. */
const BUSES = ['ide', 'scsi', 'sata', 'nvme'];

export type VmwareDefinition = Omit<Vm, 'place' | 'hypervisor' | 'state' | 'snapshots'>;

/**
 * @param vmxPath absolute: names of disks are beside it
 * @throws EngineError `FORMAT_UNSUPPORTED` for a machine whose configuration is encrypted; `FORMAT_INVALID` for a file that is no machine's
 */
export function machineOf(entries: VmwareDictionary, vmxPath: string): VmwareDefinition {
  const said = (key: string) => entries.get(key) ?? '';
  if (entries.has('encryption.data'))
    throw new EngineError('FORMAT_UNSUPPORTED', {
      path: vmxPath,
      feature: 'a machine whose configuration is encrypted',
    });
  if (!['config.version', 'virtualhw.version', 'displayname'].some((key) => entries.has(key)))
    throw new EngineError('FORMAT_INVALID', { path: vmxPath, field: 'config.version', value: '' });
  const memoryMib = countOf(said('memsize'));
  const version = short(said('virtualhw.version'));
  return {
    name: short(said('displayname')) ?? basename(vmxPath).replace(/\.vmx$/i, ''),
    id: uuidOf(said('uuid.bios')) ?? '',
    operatingSystem: short(said('guestos').replace(/-64$/, '')),
    // VMware writes down neither one processor nor BIOS
    processors: countOf(said('numvcpus')) ?? 1,
    memoryBytes: memoryMib === null || memoryMib > 2 ** 33 ? null : memoryMib * MIB,
    firmware: /^efi/i.test(said('firmware')) ? 'uefi' : 'bios',
    hasSecureBoot: isTrue(entries.get('uefi.secureboot.enabled')),
    hasTpm: isTrue(entries.get('vtpm.present')) || isTrue(entries.get('managedvm.autoaddvtpm')),
    machineType: version && `vmx-${version}`,
    architecture: architectureOf(said('guestos')),
    disks: disksOf(entries, vmxPath),
    networks: networksOf(entries),
  };
}

/** Names of its snapshots, from its .vmsd file. */
export function snapshotsOf(entries: VmwareDictionary): string[] {
  const names: string[] = [];
  for (const [key, value] of entries) {
    const [, number] = /^snapshot(\d{1,6})\.displayname$/.exec(key) ?? [];
    if (number !== undefined && names.length < MAX_SNAPSHOTS) names.push(short(value) ?? number);
  }
  return names;
}

function disksOf(entries: VmwareDictionary, vmxPath: string): VmDisk[] {
  const disks: { readonly order: readonly number[]; readonly disk: VmDisk }[] = [];
  for (const [key, value] of entries) {
    const [, bus, controller, unit] = /^(ide|scsi|sata|nvme)(\d{1,3}):(\d{1,3})\.present$/.exec(key) ?? [];
    if (bus === undefined || !isTrue(value)) continue;
    // IDE is always there
    if (bus !== 'ide' && entries.get(`${bus}${controller}.present`)?.toLowerCase() === 'false') continue;
    if (disks.length === MAX_DISKS)
      throw new EngineError('FORMAT_INVALID', { path: vmxPath, field: 'disks', value: `${MAX_DISKS}`, max: MAX_DISKS });
    const name = `${bus}${controller}:${unit}`;
    const order = [BUSES.indexOf(bus), Number(controller), Number(unit)];
    disks.push({ order, disk: diskOf(entries, name, bus, vmxPath) });
  }
  disks.sort((a, b) => a.order.map((part, i) => part - b.order[i]).find((difference) => difference !== 0) ?? 0);
  return disks.map(({ disk }) => disk);
}

function diskOf(entries: VmwareDictionary, name: string, bus: string, vmxPath: string): VmDisk {
  const said = (key: string) => entries.get(`${name}.${key}`) ?? '';
  const isOptical = /cdrom/i.test(said('devicetype'));
  const fileName = said('filename');
  // what was written since the machine was started, in the way of old versions: it is the disk only together with it
  const redo = said('redo');
  return {
    name,
    isOptical,
    bus,
    ...placeOf(redo || fileName, vmxPath, redo !== '' || /passthru/i.test(said('devicetype')), isOptical),
    format: isOptical ? null : 'vmdk',
    isReadOnly: isTrue(said('readonly')),
    isShared: !['', 'none'].includes(said('sharing').toLowerCase()),
    serial: null,
    bootOrder: null,
  };
}

function placeOf(
  fileName: string,
  vmxPath: string,
  isElsewhere: boolean,
  isOptical: boolean,
): Pick<VmDisk, 'placed' | 'path'> {
  if (fileName === '' || (isOptical && /^(auto detect|emptyBackingString)$/i.test(fileName)))
    return { placed: 'absent', path: null };
  // of another system, of a server; and a disk of this machine has a description of its own, which is what is named here
  const isForeign =
    /[\0-\x1f]|^\[|^\/dev\//.test(fileName) || (process.platform !== 'win32' && /^[a-z]:[\\/]|\\/i.test(fileName));
  if (isElsewhere || isForeign || fileName.length > 4000) return { placed: 'elsewhere', path: short(fileName) };
  return { placed: 'file', path: resolve(dirname(vmxPath), fileName) };
}

function networksOf(entries: VmwareDictionary): Vm['networks'] {
  const cards: [number, Vm['networks'][number]][] = [];
  for (const [key, value] of entries) {
    const [, number] = /^ethernet(\d{1,3})\.present$/.exec(key) ?? [];
    if (number === undefined || !isTrue(value) || cards.length === MAX_CARDS) continue;
    const said = (part: string) => short(entries.get(`ethernet${number}.${part}`));
    cards.push([
      Number(number),
      {
        mac: said('address') ?? said('generatedaddress'),
        model: said('virtualdev'),
        to: said('networkname') ?? said('vnet') ?? said('connectiontype'),
      },
    ]);
  }
  return cards.sort(([a], [b]) => a - b).map(([, card]) => card);
}

function architectureOf(system: string): string | null {
  if (/^arm-/i.test(system)) return 'aarch64';
  return /-64$/.test(system) ? 'x86_64' : null;
}

/** '56 4d 09 6b b0 ff 56 dd-bd 74 a4 03 97 2b f3 37' */
function uuidOf(text: string): string | null {
  const digits = text.replace(/[\s-]/g, '').toLowerCase();
  const [, ...parts] = /^([\da-f]{8})([\da-f]{4})([\da-f]{4})([\da-f]{4})([\da-f]{12})$/.exec(digits) ?? [];
  return parts.length > 0 ? parts.join('-') : null;
}
