/** A profile as it is typed: sizes as people write them, and unknown as a choice of its own. */
import type { MachineProfile } from '../../../src-engine/contract/index.ts';
import { parseBytes } from '../../../src-engine/words/sizes.ts';

export type Known<T extends string> = T | 'unknown';

export interface DriveForm {
  model: string;
  serial: string;
  bus: string;
  size: string;
  /** logical and physical, in bytes: `512/4096` */
  sectors: string;
  isRemovable: boolean;
  health: Known<'good' | 'failing'>;
}
export interface ArrayForm {
  name: string;
  kind: 'md' | 'hardware';
  level: Known<string>;
  /** names, with commas between them */
  members: string;
}
export interface GraphicsForm {
  model: string;
  kind: 'gpu' | 'vgpu' | 'display';
}
export interface NetworkForm {
  name: string;
  mac: string;
  isPhysical: boolean;
  isPublic: Known<'yes' | 'no'>;
}

/** Texts and sizes that are empty are unknown; so are lists that are null. */
export interface ProfileForm {
  name: string;
  maker: string;
  product: string;
  boardMaker: string;
  board: string;
  firmware: Known<'bios' | 'uefi'>;
  sort: Known<'physical' | 'virtual'>;
  hasTpm: Known<'yes' | 'no'>;
  processor: string;
  cores: string;
  memory: string;
  drives: DriveForm[] | null;
  arrays: ArrayForm[] | null;
  graphics: GraphicsForm[] | null;
  networks: NetworkForm[] | null;
}

export const newDrive = (): DriveForm => ({
  model: '',
  serial: '',
  bus: '',
  size: '',
  sectors: '512/4096',
  isRemovable: false,
  health: 'unknown',
});
export const newArray = (): ArrayForm => ({ name: '', kind: 'md', level: 'unknown', members: '' });
export const newGraphics = (): GraphicsForm => ({ model: '', kind: 'gpu' });
export const newNetwork = (): NetworkForm => ({ name: '', mac: '', isPhysical: true, isPublic: 'unknown' });

/** Nothing is known yet. */
export const newForm = (): ProfileForm => ({
  name: '',
  maker: '',
  product: '',
  boardMaker: '',
  board: '',
  firmware: 'unknown',
  sort: 'unknown',
  hasTpm: 'unknown',
  processor: '',
  cores: '',
  memory: '',
  drives: null,
  arrays: null,
  graphics: null,
  networks: null,
});

const chosen = (value: boolean | null): Known<'yes' | 'no'> => (value === null ? 'unknown' : value ? 'yes' : 'no');
const meant = (choice: Known<'yes' | 'no'>) => (choice === 'unknown' ? null : choice === 'yes');

/** @param size writes a size, in bytes, so that `parseBytes` reads the same number again */
export function formOf(profile: MachineProfile, size: (lengthBytes: number) => string): ProfileForm {
  const { isVirtual } = profile;
  return {
    name: profile.name,
    maker: profile.maker ?? '',
    product: profile.product ?? '',
    boardMaker: profile.boardMaker ?? '',
    board: profile.board ?? '',
    firmware: profile.firmware ?? 'unknown',
    sort: isVirtual === null ? 'unknown' : isVirtual ? 'virtual' : 'physical',
    hasTpm: chosen(profile.hasTpm),
    processor: profile.processor ?? '',
    cores: profile.cores === null ? '' : String(profile.cores),
    memory: profile.memoryBytes === null ? '' : size(profile.memoryBytes),
    drives:
      profile.drives?.map(({ lengthBytes, sectorBytes, physicalSectorBytes, health, ...drive }) => ({
        ...drive,
        size: size(lengthBytes),
        sectors: `${sectorBytes}/${physicalSectorBytes}`,
        health: health ?? 'unknown',
      })) ?? null,
    arrays:
      profile.arrays?.map(({ level, members, ...array }) => ({
        ...array,
        level: level ?? 'unknown',
        members: members.join(', '),
      })) ?? null,
    graphics: profile.graphics?.map((card) => ({ ...card })) ?? null,
    networks: profile.networks?.map((card) => ({ ...card, isPublic: chosen(card.isPublic) })) ?? null,
  };
}

/** Where something cannot be what was typed: 'name', 'cores', 'memory', 'drives.0.size'. */
export type Fault = 'name' | 'cores' | 'memory' | `drives.${number}.size`;

export function faultsOf(form: ProfileForm): Set<Fault> {
  const faults = new Set<Fault>();
  if (!form.name.trim()) faults.add('name');
  const cores = form.cores.trim();
  if (cores && !(/^\d{1,6}$/.test(cores) && Number(cores) >= 1 && Number(cores) <= 100_000)) faults.add('cores');
  if (form.memory.trim() && !parseBytes(form.memory)) faults.add('memory');
  form.drives?.forEach(({ size }, i) => !parseBytes(size) && faults.add(`drives.${i}.size`));
  return faults;
}

const text = (typed: string) => typed.trim() || null;

/** Of a form without faults. @param recordedAt ISO 8601 */
export function profileOf(form: ProfileForm, recordedAt: string): MachineProfile {
  return {
    name: form.name.trim(),
    recordedAt,
    maker: text(form.maker),
    product: text(form.product),
    boardMaker: text(form.boardMaker),
    board: text(form.board),
    firmware: form.firmware === 'unknown' ? null : form.firmware,
    isVirtual: form.sort === 'unknown' ? null : form.sort === 'virtual',
    processor: text(form.processor),
    cores: form.cores.trim() ? Number(form.cores) : null,
    memoryBytes: form.memory.trim() ? parseBytes(form.memory) : null,
    drives:
      form.drives?.map(({ size, sectors, health, model, serial, bus, isRemovable }) => {
        const [sectorBytes, physicalSectorBytes] = sectors.split('/').map(Number);
        return {
          model: model.trim(),
          serial: serial.trim(),
          bus: bus.trim(),
          lengthBytes: parseBytes(size) ?? 0,
          sectorBytes,
          physicalSectorBytes,
          isRemovable,
          health: health === 'unknown' ? null : health,
        };
      }) ?? null,
    arrays:
      form.arrays?.map(({ name, kind, level, members }) => ({
        name: name.trim(),
        kind,
        level: level === 'unknown' ? null : level,
        members: members
          .split(',')
          .map((member) => member.trim())
          .filter(Boolean),
      })) ?? null,
    graphics: form.graphics?.map(({ model, kind }) => ({ model: model.trim(), kind })) ?? null,
    networks:
      form.networks?.map(({ name, mac, isPhysical, isPublic }) => ({
        name: name.trim(),
        mac: mac.trim(),
        isPhysical,
        isPublic: meant(isPublic),
      })) ?? null,
    hasTpm: meant(form.hasTpm),
  };
}
