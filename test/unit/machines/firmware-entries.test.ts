import { describe, expect, test } from 'vitest';
import { entryFor } from '../../../src-engine/machines/firmware-entries.ts';

const GUID = 'b59d5408-0d77-4581-ac8e-7b0606fd148f';
const SHIM = '\\EFI\\debian\\shimx64.efi';
const wanted = { partition: 1, partitionUuid: GUID, loader: SHIM };

/** As efibootmgr -v prints them: 17, and 18 with the path as it is and lines of hexadecimal digits below. */
const lines = (entry: string) => `BootCurrent: 0001
Timeout: 1 seconds
BootOrder: 0001,0000,0003
Boot0000* UiApp\tFvVol(7cb8bdc9-f8eb-4f34-aaea-3ee4af6516a1)/FvFile(462caa21-7614-4503-836e-8ab6f4662331)
${entry}
Boot0003* Network\tVenHw(b2ad3248-4f72-4950-a966-cfe5062db83a,05000000)..GO..NO
`;

describe('an entry of a firmware', () => {
  test.each([
    ['of efibootmgr 17', `Boot0001* debian\tHD(1,GPT,${GUID},0x800,0x80000)/File(${SHIM})`],
    ['with data behind it', `Boot0001* Rocky Linux\tHD(1,GPT,${GUID},0x800,0x80000)/File(${SHIM})..BO`],
    [
      'of efibootmgr 18',
      `Boot0001* debian\tHD(1,GPT,${GUID},0x800,0x80000)/${SHIM}\n      dp: 04 01 2a 00 / 7f ff 04 00`,
    ],
    [
      'that is not active',
      `Boot0001  debian\tHD(1,GPT,${GUID.toUpperCase()},0x800,0x80000)/File(${SHIM.toUpperCase()})`,
    ],
  ])('%s is found', (_, entry) => {
    expect(entryFor(lines(entry), wanted)).toBe('Boot0001');
  });

  test('of an MBR is told by the signature of its disk', () => {
    const entry = `Boot0001* disk\tHD(1,MBR,0x1234abcd,0x800,0x80000)/File(${SHIM})`;
    expect(entryFor(lines(entry), { ...wanted, partitionUuid: '1234abcd-01' })).toBe('Boot0001');
  });

  test.each([
    ['of another partition', `Boot0001* debian\tHD(2,GPT,${GUID},0x800,0x80000)/File(${SHIM})`],
    ['of another disk', `Boot0001* debian\tHD(1,GPT,${GUID.replace('b5', 'c5')},0x800,0x80000)/File(${SHIM})`],
    ['of another loader', `Boot0001* debian\tHD(1,GPT,${GUID},0x800,0x80000)/File(\\EFI\\BOOT\\BOOTX64.EFI)`],
    ['that only its label calls so', `Boot0001* HD(1,GPT,${GUID},0x800,0x80000)/File(${SHIM})\tPciRoot(0x0)`],
  ])('%s is none', (_, entry) => {
    expect(entryFor(lines(entry), wanted)).toBeNull();
  });
});
