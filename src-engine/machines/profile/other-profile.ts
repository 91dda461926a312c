/** The profile of a machine without Linux, as far as systeminformation can tell. */
import { hostname } from 'node:os';
import type { MachineProfile } from '../../contract/machine.contract.ts';
import { isPublic } from './networks.ts';

const known = (text: string | undefined) => text?.trim().slice(0, 200) || null;

export async function otherProfile(): Promise<MachineProfile> {
  // eslint-disable-next-line no-restricted-syntax -- large, and Linux never asks it: a start there does not read it
  const { default: si } = await import('systeminformation');
  const [system, baseboard, cpu, mem, disks, graphics, networks, os] = await Promise.all([
    si.system(),
    si.baseboard(),
    si.cpu(),
    si.mem(),
    si.diskLayout(),
    si.graphics(),
    si.networkInterfaces(),
    si.osInfo(),
  ]);
  return {
    name: hostname().slice(0, 128) || 'machine',
    recordedAt: new Date().toISOString(),
    maker: known(system.manufacturer),
    product: known(system.model),
    boardMaker: known(baseboard.manufacturer),
    board: known(baseboard.model),
    firmware: os.uefi === null ? null : os.uefi ? 'uefi' : 'bios',
    isVirtual: system.virtual ?? null,
    processor: known(cpu.brand),
    cores: cpu.cores || null,
    memoryBytes: mem.total,
    drives: disks.map((disk) => ({
      model: disk.name.slice(0, 200),
      serial: disk.serialNum.slice(0, 200),
      bus: disk.interfaceType.toLowerCase().slice(0, 200),
      lengthBytes: disk.size,
      sectorBytes: disk.bytesPerSector || 512,
      physicalSectorBytes: disk.bytesPerSector || 512,
      isRemovable: disk.interfaceType === 'USB',
      health: disk.smartStatus === 'Ok' ? 'good' : disk.smartStatus === 'Predicted Failure' ? 'failing' : null,
    })),
    // nothing here asks the systems' own volume managers
    arrays: null,
    hasTpm: null,
    graphics: graphics.controllers.map(({ vendor, model }) => ({
      model: `${vendor} ${model}`.slice(0, 200),
      kind: /nvidia|amd|advanced micro/i.test(vendor) ? 'gpu' : 'display',
    })),
    networks: (Array.isArray(networks) ? networks : [networks])
      .filter(({ internal }) => !internal)
      .map(({ iface, mac, virtual: isVirtual, ip4, ip6 }) => ({
        name: iface.slice(0, 200),
        mac,
        isPhysical: !isVirtual,
        isPublic: ip4 || ip6 ? [ip4, ip6].some((address) => address !== '' && isPublic(address)) : null,
      })),
  };
}
