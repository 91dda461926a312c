/** A profile in the form: what was read comes out of it as it was, and what is typed becomes a profile or a fault. */
import { describe, expect, it } from 'vitest';
import { MachineProfileSchema } from '../../../src-engine/contract/index.ts';
import {
  faultsOf,
  formOf,
  newDrive,
  newForm,
  profileOf,
  type ProfileForm,
} from '../../../src-renderer/modules/machines/profile-form.ts';
import { readProfileFile } from '../../../src-renderer/modules/machines/profile-file.ts';
import { DRIVE, serverProfile } from '../../support/profiles.ts';

const NOW = '2026-11-21T09:00:00.000Z';
const typed = (more: Partial<ProfileForm>) => ({ ...newForm(), name: 'bench 7', ...more });

describe('the form of a profile', () => {
  it.each([
    ['everything known', serverProfile()],
    [
      'nothing known',
      serverProfile({
        ...{ maker: null, product: null, boardMaker: null, board: null, firmware: null, isVirtual: null },
        ...{ processor: null, cores: null, memoryBytes: null, drives: null, arrays: null, hasTpm: null },
        ...{ graphics: null, networks: null },
      }),
    ],
    ['none of anything', serverProfile({ drives: [], arrays: [], graphics: [], networks: [] })],
    [
      'what is unusual',
      serverProfile({
        isVirtual: true,
        hasTpm: true,
        drives: [
          { ...DRIVE, sectorBytes: 520, physicalSectorBytes: 520, lengthBytes: 1_000_204_886_017, health: null },
        ],
        arrays: [
          { name: 'md0', kind: 'md', level: 'linear', members: ['/dev/sda', '/dev/sdb1'] },
          { name: 'c0', kind: 'hardware', level: null, members: [] },
        ],
        graphics: [{ model: 'GRID P4-1Q', kind: 'vgpu' }],
        networks: [{ name: 'eth0', mac: '', isPhysical: false, isPublic: null }],
      }),
    ],
  ])('gives back what it was given: %s', (_, profile) => {
    const form = formOf(profile, String);
    expect([...faultsOf(form)]).toEqual([]);
    expect(profileOf(form, profile.recordedAt)).toEqual(profile);
  });

  it('has no fact that nobody typed', () => {
    const { name, recordedAt, ...facts } = profileOf(typed({}), NOW);
    expect({ name, recordedAt }).toEqual({ name: 'bench 7', recordedAt: NOW });
    expect(new Set(Object.values(facts))).toEqual(new Set([null]));
  });

  it('reads sizes as people write them, and names with commas between them', () => {
    const profile = profileOf(
      typed({
        memory: '32 Gio',
        drives: [{ ...newDrive(), size: '2 TB' }],
        arrays: [{ name: '', kind: 'md', level: 'raid1', members: ' sda, sdb,' }],
      }),
      NOW,
    );
    expect(MachineProfileSchema.parse(profile)).toEqual(profile);
    expect(profile.memoryBytes).toBe(32 * 2 ** 30);
    expect(profile.drives?.[0]).toMatchObject({ lengthBytes: 2e12, sectorBytes: 512, physicalSectorBytes: 4096 });
    expect(profile.arrays?.[0].members).toEqual(['sda', 'sdb']);
  });

  it.each<[string, Partial<ProfileForm>, string[]]>([
    ['no name', { name: '  ' }, ['name']],
    ['cores that are no number', { cores: 'eight' }, ['cores']],
    ['no cores at all', { cores: '0' }, ['cores']],
    ['too many cores', { cores: '100001' }, ['cores']],
    ['memory that is no size', { memory: 'much' }, ['memory']],
    ['a drive without a size', { drives: [{ ...newDrive(), size: '1 TB' }, newDrive()] }, ['drives.1.size']],
  ])('says where it cannot be: %s', (_, more, faults) => {
    expect([...faultsOf(typed(more))]).toEqual(faults);
  });
});

describe('a profile in a file', () => {
  const file = (text: string) => new File([text], 'machine.json');

  it('is read in the page', async () => {
    expect(await readProfileFile(file(JSON.stringify(serverProfile())))).toEqual(serverProfile());
  });

  it.each([
    ['no JSON', '{', 'JSON'],
    ['a field that is wrong', JSON.stringify({ ...serverProfile(), cores: 'eight' }), 'cores'],
    [
      'a field deep inside',
      JSON.stringify({ ...serverProfile(), drives: [{ ...DRIVE, lengthBytes: -1 }] }),
      'drives.0',
    ],
    ['a list', '[]', 'profile'],
    ['too much', ' '.repeat(1024 * 1024 + 1), 'length'],
  ])('is refused with the field: %s', async (_, text, field) => {
    await expect(readProfileFile(file(text))).rejects.toMatchObject({
      view: { code: 'FORMAT_INVALID', data: { path: 'machine.json', field: expect.stringContaining(field) } },
    });
  });
});
