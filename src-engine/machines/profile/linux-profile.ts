/** The profile of a machine with Linux, from sysfs and procfs alone: no root is needed, but for the health of drives. */
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import type { Drive, MachineProfile, RaidArray } from '../../contract/machine.contract.ts';
import { readBlockTree, type BlockTree } from '../linux/block-tree.ts';
import { deviceFacts, devicePlace } from '../linux/device-facts.ts';
import { attribute, bytesOf, names, type KernelRoots } from '../linux/kernel-files.ts';
import { driveHealth } from './drive-health.ts';
import { networksOf } from './networks.ts';

/** Made up by firmware whose maker filled nothing in. */
const NO_NAME =
  /^(to be filled by o\.?e\.?m\.?|default string|system manufacturer|system product name|none|n\/a|not specified|unknown|0+)$/i;

/** @param isHealthAsked smartctl takes seconds where drives sleep */
export async function linuxProfile(roots: KernelRoots, isHealthAsked: boolean): Promise<MachineProfile> {
  const dmi = (name: string) => known(attribute(roots.sys, 'class/dmi/id', name));
  const tree = readBlockTree(roots);
  const cpuinfo = attribute(roots.proc, 'cpuinfo');
  const memory = /^MemTotal:\s+(\d+) kB/m.exec(attribute(roots.proc, 'meminfo'));
  return {
    name: hostname().slice(0, 128) || 'machine',
    recordedAt: new Date().toISOString(),
    maker: dmi('sys_vendor'),
    product: dmi('product_name'),
    boardMaker: dmi('board_vendor'),
    board: dmi('board_name'),
    firmware:
      names(roots.sys, 'firmware').length === 0 ? null : names(roots.sys, 'firmware/efi').length > 0 ? 'uefi' : 'bios',
    isVirtual: cpuinfo === '' ? null : /^flags\s*:.*\bhypervisor\b/m.test(cpuinfo),
    processor: known(/^model name\s*:\s*(.+)$/m.exec(cpuinfo)?.[1] ?? ''),
    cores: cpuinfo.match(/^processor\s*:/gm)?.length ?? null,
    memoryBytes: memory && Number(memory[1]) * 1024,
    drives: await drivesOf(roots, tree, isHealthAsked),
    arrays: arraysOf(roots, tree),
    hasTpm: hasTpm(roots),
    graphics: graphicsOf(roots),
    networks: networksOf(roots),
  };
}

const known = (text: string) => (text === '' || NO_NAME.test(text) ? null : text.slice(0, 200));

async function drivesOf(roots: KernelRoots, tree: BlockTree, isHealthAsked: boolean): Promise<Drive[]> {
  const disks = tree.nodes.filter(
    (node) => node.isWholeDisk && node.lengthBytes > 0 && deviceFacts(node).bus !== 'loop',
  );
  return Promise.all(
    disks.map(async (node) => {
      const { model, serial, lengthBytes, sectorBytes, physicalSectorBytes } = devicePlace(roots, node);
      const { bus, isRemovable } = deviceFacts(node);
      const health = isHealthAsked ? await driveHealth(node.path) : null;
      return { model, serial, bus, lengthBytes, sectorBytes, physicalSectorBytes, isRemovable, health };
    }),
  );
}

/** Arrays of MD, and controllers of hardware RAID: PCI class 01 04. What such a controller holds, only its maker's tools tell. */
function arraysOf(roots: KernelRoots, tree: BlockTree): RaidArray[] {
  const md = tree.nodes
    .filter((node) => attribute(node.folder, 'md/level') !== '')
    .map((node): RaidArray => {
      const members = tree.below(node).map(({ path: member }) => member);
      return { name: node.name, kind: 'md', level: attribute(node.folder, 'md/level'), members };
    });
  const controllers = pciDevices(roots)
    .filter(({ classCode }) => classCode.startsWith('0104'))
    .map(({ name }): RaidArray => ({ name, kind: 'hardware', level: null, members: [] }));
  return [...md, ...controllers];
}

/** The kernel's driver, or the firmware's table for one (TCG ACPI specification 1.2, tables TPM2 and TCPA). */
function hasTpm(roots: KernelRoots): boolean | null {
  if (names(roots.sys, 'class/tpm').length > 0) return true;
  const tables = names(roots.sys, 'firmware/acpi/tables');
  if (tables.length === 0) return null;
  return tables.includes('TPM2') || tables.includes('TCPA');
}

interface PciDevice {
  readonly name: string;
  readonly folder: string;
  /** class, subclass and interface as six hexadecimal digits (PCI code and ID assignment specification) */
  readonly classCode: string;
  readonly vendor: string;
}

function pciDevices(roots: KernelRoots): PciDevice[] {
  return names(roots.sys, 'bus/pci/devices').map((name) => {
    const folder = path.join(roots.sys, 'bus/pci/devices', name);
    const classCode = attribute(folder, 'class').replace(/^0x/, '');
    return { name, folder, classCode, vendor: attribute(folder, 'vendor') };
  });
}

const GPU_MAKERS: Record<string, string> = { '0x10de': 'NVIDIA', '0x1002': 'AMD' };

/**
 * Display controllers (PCI class 03). Those that give virtual functions or mediated devices to guests, and such functions
 * themselves, are virtual GPUs; of the others, only makers of GPUs make GPUs: servers' management boards have a display too.
 */
function graphicsOf(roots: KernelRoots): MachineProfile['graphics'] {
  if (names(roots.sys, 'bus/pci').length === 0) return null;
  return pciDevices(roots)
    .filter(({ classCode }) => classCode.startsWith('03'))
    .map(({ name, folder, vendor }) => {
      const isShared = names(folder, 'mdev_supported_types').length > 0 || isLink(folder, 'physfn');
      const kind = isShared ? 'vgpu' : vendor in GPU_MAKERS ? 'gpu' : 'display';
      return { model: `${GPU_MAKERS[vendor] ?? vendor} ${attribute(folder, 'device') || name}`, kind };
    });
}

function isLink(folder: string, name: string): boolean {
  try {
    return readlinkSync(path.join(folder, name)) !== '';
  } catch {
    return bytesOf(folder, name).length > 0;
  }
}
