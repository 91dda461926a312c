/** Phony Windows guests on NTFS, with registry hives written by hivexsh. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { GuestSchema } from '../../../src-engine/contract/guest.contract.ts';
import { loadEndOfLife } from '../../../src-engine/guest/end-of-life.ts';
import type { GuestVolume } from '../../../src-engine/guest/guest-input.ts';
import { guestFacts } from '../../../src-engine/guest/guest-facts.ts';
import { inspectGuest } from '../../../src-engine/guest/inspect-guest.ts';
import { ext4Guest, hive, openedVolume, writeTree, type GuestTree } from '../../support/guests.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { unmount } from '../../support/unmount.ts';

const work = temporaryFolder();
const table = await loadEndOfLife(resolve(import.meta.dirname, '../../../resources/end-of-life.yaml'));
const CONFIG = '/Windows/System32/config';
const VERSION = 'Microsoft\\Windows NT\\CurrentVersion';

const inspect = async (volumes: GuestVolume[], firstSectors = new Uint8Array(512)) =>
  GuestSchema.parse(await inspectGuest({ volumes, firstSectors }, table, new AbortController().signal));

const software = (values: Record<string, string | number>, state?: string) =>
  hive(work, {
    [VERSION]: values,
    ...(state && { 'Microsoft\\Windows\\CurrentVersion\\Setup\\State': { ImageState: state } }),
  });

const RELEASES: [string, string, string, string, boolean | null][] = [
  ['Microsoft Windows Server 2003', '3790', '', 'windows-server-2003', true],
  ['Microsoft Windows Server 2003 R2', '3790', '', 'windows-server-2003-r2', true],
  ['Windows Server (R) 2008 Standard', '6002', 'Server', 'windows-server-2008', true],
  ['Windows Server 2008 R2 Standard', '7601', 'Server', 'windows-server-2008-r2', true],
  ['Windows Server 2012 Standard', '9200', 'Server', 'windows-server-2012', true],
  ['Windows Server 2012 R2 Standard', '9600', 'Server', 'windows-server-2012-r2', true],
  ['Windows Server 2016 Standard', '14393', 'Server', 'windows-server-2016', false],
  ['Windows Server 2019 Standard', '17763', 'Server Core', 'windows-server-2019', false],
  ['Windows Server 2022 Datacenter', '20348', 'Server', 'windows-server-2022', false],
  ['Windows 7 Professional', '7601', 'Client', 'windows-7', true],
  ['Windows Server 2025 Standard', '26100', 'Server', 'windows-server-2025', false],
  ['Windows 10 Pro', '19045', 'Client', 'windows-10', true],
  ['Windows 10 Pro', '22631', 'Client', 'windows-11', true],
  ['Windows 10 Pro', '26200', 'Client', 'windows-11', false],
  ['Windows 10 Pro', '99999', 'Client', 'windows-11', null],
];

test.each(RELEASES)('%s, build %s', async (ProductName, CurrentBuildNumber, InstallationType, release, isPast) => {
  const values = {
    ProductName,
    CurrentBuildNumber,
    EditionID: InstallationType === 'Client' ? 'Professional' : 'ServerStandard',
    ...(InstallationType && { InstallationType }),
  };
  const guest = await inspect([await ext4Guest(work, { [`${CONFIG}/SOFTWARE`]: software(values) })]);
  expect(guest.warnings).toEqual([]);
  expect(guest.family.value).toBe('windows');
  expect(guest.name.value).toBe(ProductName);
  expect(guest.release.value).toBe(release);
  expect(guestFacts(guest, '2026-11-21')['guest.isPastEndOfLife'].value).toBe(isPast);
});

test('a whole server on NTFS: agents, Cloudbase-Init, sysprep, boot manager', async () => {
  const services = Array.from({ length: 600 }, (_, i) => [`ControlSet002\\Services\\other${i}`, {}] as const);
  const system = hive(work, {
    Select: { Current: 2 },
    'ControlSet002\\Control\\ComputerName\\ComputerName': { ComputerName: 'WIN-1' },
    'ControlSet002\\Control\\Session Manager\\Environment': { PROCESSOR_ARCHITECTURE: 'AMD64' },
    ...Object.fromEntries(services),
    'ControlSet002\\Services\\QEMU-GA': {},
    'ControlSet002\\Services\\cloudbase-init': {},
  });
  const values = {
    ProductName: 'Windows Server 2019 Standard',
    EditionID: 'ServerStandard',
    CurrentBuildNumber: '17763',
    InstallationType: 'Server',
    CurrentMajorVersionNumber: 10,
    UBR: 5696,
  };
  const tree: GuestTree = {
    '/WINDOWS/system32/config/SOFTWARE': software(values, 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE'),
    '/WINDOWS/system32/config/SYSTEM': system,
    '/bootmgr': 'x',
  };
  const sector = Buffer.alloc(512);
  sector.write('Invalid partition table', 0x100);
  sector.writeUInt16BE(0x55aa, 510);
  const guest = await inspect([await openedVolume(ntfsImage(tree), '1')], sector);
  expect(guest.warnings).toEqual([]);
  expect(guest.release.value).toBe('windows-server-2019');
  expect([guest.version.value, guest.edition.value]).toEqual(['10.0.17763.5696', 'ServerStandard']);
  expect([guest.architecture.value, guest.hostname.value]).toEqual(['x86_64', 'WIN-1']);
  expect([guest.hasCloudInit.value, guest.isGeneralized.value]).toEqual([true, true]);
  expect(guest.guestAgents.value).toEqual(['qemu-guest-agent']);
  expect(guest.bootModes.value).toEqual(['bios']);
});

test('a hive that is none is unknown, with a warning', async () => {
  const guest = await inspect([await ext4Guest(work, { [`${CONFIG}/SOFTWARE`]: Buffer.alloc(8192, 'no hive ') })]);
  expect(guest.family.value).toBe('windows');
  expect([guest.release.value, guest.isGeneralized.value, guest.hasCloudInit.value]).toEqual([null, null, null]);
  expect(guest.warnings).toEqual([
    {
      code: 'GUEST_FILE_UNREADABLE',
      data: { path: `${CONFIG}/SOFTWARE`, reason: 'FORMAT_INVALID: hive signature' },
    },
  ]);
});

/** Made by mkfs.ntfs and filled through ntfs-3g. */
function ntfsImage(tree: GuestTree): Buffer {
  const image = join(work, 'windows.ntfs');
  const folder = join(work, 'mounted');
  writeFileSync(image, '');
  truncateSync(image, 12 * 1024 * 1024);
  execFileSync('mkfs.ntfs', ['-q', '-F', image], { stdio: 'pipe' });
  mkdirSync(folder);
  execFileSync('ntfs-3g', [image, folder], { stdio: 'pipe' });
  try {
    writeTree(folder, tree);
  } finally {
    unmount(folder);
  }
  return readFileSync(image);
}
