/** What is told of chains that a deploy neither made nor broke: code that nobody starts, disks for data, loaders that are not read. */
import { describe, expect, test } from 'vitest';
import { missingActive } from '../../../src-engine/boot-chain/active-partition.ts';
import type { BootAccount, EfiStart, PartitionStart } from '../../../src-engine/boot-chain/boot-account.ts';
import { bootLinks } from '../../../src-engine/boot-chain/boot-links.ts';

const NOTHING = { copied: [], active: null };
const bios = { code: 'none', sha256: 'code', core: null, active: [], partitions: [], modules: null } as const;
const account = (more: Partial<BootAccount>): BootAccount => ({
  table: 'mbr',
  sectorBytes: 512,
  bios,
  efi: [],
  places: [],
  volumes: [],
  ...more,
});
const loader = { role: 'windows', architecture: 'x64', lengthBytes: 1, modifiedMs: null, sha256: 'loader' } as const;
const EFI: EfiStart = {
  volume: '1',
  hasType: true,
  configs: [],
  loaders: [
    { ...loader, path: '/EFI/Microsoft/Boot/bootmgfw.efi' },
    { ...loader, role: 'fallback', path: '/EFI/Boot/bootx64.efi' },
  ],
};
const said = (before: BootAccount, after = before) =>
  bootLinks(before, after, NOTHING).map(({ firmware, state, code }) => `${firmware} ${state} ${code}`);

describe('boot links', () => {
  test('of a disk that starts nothing are none', () => expect(said(account({}))).toEqual([]));

  test('say nothing of the code that Windows leaves in front of a disk for UEFI', () => {
    const disk = account({ table: 'gpt', bios: { ...bios, code: 'windows' }, efi: [EFI] });
    expect(said(disk)).toEqual(['uefi proven efi-loader', 'uefi proven fallback', 'uefi unproven firmware-entries']);
  });

  test('of a disk for data that has such code are not broken by a deploy', () => {
    expect(said(account({ bios: { ...bios, code: 'windows' } }))).toEqual([
      'bios proven boot-code',
      'bios unproven active-none',
    ]);
  });

  test('that were lost on the way are broken', () => {
    const before = account({ bios: { ...bios, code: 'windows', active: ['1'] }, efi: [EFI] });
    const after = account({
      bios: { ...bios, code: 'windows', sha256: 'other' },
      efi: [
        { ...EFI, loaders: EFI.loaders.map((one) => ({ ...one, sha256: one.role === 'windows' ? 'other' : null })) },
      ],
    });
    expect(said(before, after)).toEqual([
      'bios broken boot-code-differs',
      'bios broken active-none',
      'uefi broken efi-loader-differs',
      'uefi unproven efi-loader-unread',
      'uefi unproven firmware-entries',
    ]);
  });

  test('say of a core that was rewritten that it names the new identifiers, and not that it was not read', () => {
    const core = { startBytes: 512, lengthBytes: 30_000, sha256: 'core', volume: null, isUncertain: false };
    const modules = { volume: 'vg/root', path: '/boot/grub/i386-pc' };
    const before = account({ bios: { ...bios, code: 'grub', core: core as never, modules } });
    const after = account({ bios: { ...before.bios, core: { ...core, sha256: 'rewritten' } as never } });
    const links = bootLinks(before, after, NOTHING, { isCore: true, files: [] });
    expect(links.map(({ state, code }) => `${state} ${code}`)).toEqual([
      'proven boot-code',
      'mended core-rewritten',
      'proven modules',
    ]);
    expect(said(before)).toContain('bios unproven core-prefix');
  });

  test.each([
    ['4096 where there were 512', 512, 'broken'],
    ['4096 as before', 4096, 'unproven'],
  ])('of boot code on sectors of %s', (_, sectorBytes, state) => {
    const before = account({ sectorBytes, bios: { ...bios, code: 'grub' } });
    expect(said(before, { ...before, sectorBytes: 4096 })).toEqual([`bios ${state} boot-code-sectors`]);
  });

  test.each([
    ['uuid', 'AAAA-BBBB', 'aaaa-bbbb', 'proven grub-config'],
    ['label', 'root', 'other', 'broken grub-config-lost'],
  ] as const)(
    'name the file system that a loader looks for by its %s, or that it is not there',
    (by, value, has, link) => {
      const efi = [{ ...EFI, configs: [{ path: '/EFI/debian/grub.cfg', searched: { by, value } }] }];
      expect(said(account({ efi, volumes: [{ ref: '2', uuid: has, label: has }] }))).toContain(`uefi ${link}`);
    },
  );
});

describe('the mark of the active partition', () => {
  const able: PartitionStart = {
    volume: '2',
    code: 'windows',
    sha256: '',
    core: null,
    hasHidden: true,
    file: { path: '/bootmgr', extents: [] },
  };
  const withParts = (partitions: PartitionStart[], active: string[] = []) =>
    account({ bios: { ...bios, code: 'windows', active, partitions } });

  test('is missing where one partition alone could be started', () =>
    expect(missingActive(withParts([able]))).toBe('2'));

  test.each([
    ['one has it', withParts([able], ['1'])],
    ['two could be started', withParts([able, { ...able, volume: '1' }])],
    ['what is to be started is not there', withParts([{ ...able, file: null }])],
    ['the partition is a logical one', withParts([{ ...able, volume: '5' }])],
    ['its boot sector counts from elsewhere', withParts([{ ...able, hasHidden: false }])],
    ['the table is a GPT', { ...withParts([able]), table: 'gpt' as const }],
  ])('is left where %s', (_, disk) => expect(missingActive(disk)).toBeNull());
});
