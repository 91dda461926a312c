/** Names for what a new machine has in its pool: files and volumes that nobody has. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeployFormat } from '../../../contract/new-vm.contract.ts';
import { flatNameOf } from '../../../formats/vmdk/text.ts';

const ENDINGS: Readonly<Record<DeployFormat, string>> = { raw: 'img', qcow2: 'qcow2', vdi: 'vdi', vmdk: 'vmdk' };
/** Room for endings, and for the name of a folder beside it, in 255 bytes. */
const MAX_BASE_BYTES = 160;
/** LVM has room for 127 with the name of the group, in which each '-' counts twice (lvm(8)). */
const MAX_VOLUME_BASE = 50;
const MAX_TRIES = 1000;

export interface MachineFiles {
  /** of its disks, in their order */
  readonly disks: readonly string[];
  readonly variables: string;
}

/**
 * @param taken paths of other machines that are to be made; those of this one are added
 * @returns paths at which nothing is: by the machine's name, with a number behind it where that is taken
 */
export async function filesFor(
  folder: string,
  name: string,
  diskCount: number,
  format: DeployFormat,
  taken: Set<string>,
): Promise<MachineFiles> {
  const base = baseOf(name);
  for (let i = 1; ; i++) {
    const own = i === 1 ? base : `${base}.${i}`;
    const disks = Array.from({ length: diskCount }, (_, disk) =>
      join(folder, `${own}${disk === 0 ? '' : `-${disk + 1}`}.${ENDINGS[format]}`),
    );
    const variables = join(folder, `${own}_VARS.fd`);
    const all = [...disks, variables, ...(format === 'vmdk' ? disks.map(flatNameOf) : [])];
    const areFree = i >= MAX_TRIES || (await Promise.all(all.map((path) => isFree(path, taken)))).every(Boolean);
    if (!areFree) continue;
    for (const path of all) taken.add(path);
    return { disks, variables };
  }
}

/** Where libvirt itself keeps variables of its machines, which are to be in no pool. */
const VARIABLES_FOLDER = '/var/lib/libvirt/qemu/nvram';
/** Source: LVM2, lib/misc/lvm-string.c, apply_lvname_restrictions. */
const RESERVED =
  /^(?:snapshot|pvmove)|_(?:cdata|cmeta|corig|cpool|cvol|imeta|iorig|mimage|mlog|pmspare|rimage|rmeta|tdata|tmeta|vdata|vorigin)/;

/**
 * @param devices where the volumes of the pool appear @param there names of its volumes @param taken as of {@link filesFor}
 * @returns names as of {@link filesFor}, which LVM takes too: letters without accents
 */
export async function volumesFor(
  devices: string,
  there: readonly string[],
  machine: { readonly name: string; readonly id: string },
  diskCount: number,
  taken: Set<string>,
): Promise<MachineFiles & { readonly volumes: readonly string[] }> {
  const base = volumeBaseOf(machine.name);
  for (let i = 1; ; i++) {
    const own = i === 1 ? base : `${base}.${i}`;
    const volumes = Array.from({ length: diskCount }, (_, disk) => `${own}${disk === 0 ? '' : `-${disk + 1}`}`);
    const disks = volumes.map((volume) => join(devices, volume));
    const isNone = volumes.every((volume) => !there.includes(volume));
    const areFree =
      i >= MAX_TRIES || (isNone && (await Promise.all(disks.map((path) => isFree(path, taken)))).every(Boolean));
    if (!areFree) continue;
    for (const path of disks) taken.add(path);
    return { disks, volumes, variables: join(VARIABLES_FOLDER, `${base}.${machine.id}_VARS.fd`) };
  }
}

function volumeBaseOf(name: string): string {
  const plain = name.normalize('NFKD').replace(/\p{M}+/gu, '');
  const base =
    plain
      .replace(/[^A-Za-z0-9._+-]+/g, '_')
      .replace(/^[._-]+/, '')
      .slice(0, MAX_VOLUME_BASE) || 'machine';
  return RESERVED.test(base) ? `vm-${base.replaceAll('_', '-')}`.slice(0, MAX_VOLUME_BASE) : base;
}

async function isFree(path: string, taken: ReadonlySet<string>): Promise<boolean> {
  if (taken.has(path)) return false;
  return lstat(path).then(
    () => false,
    () => true,
  );
}

function baseOf(name: string): string {
  let base = name.replace(/[^\p{L}\p{N}._+-]+/gu, '_').replace(/^[._-]+/, '') || 'machine';
  while (Buffer.byteLength(base) > MAX_BASE_BYTES) base = base.slice(0, -1);
  return base;
}
