/** How a made-up disk starts, and what it is told apart by, as the engine could answer. */
import type { BootLink, IdentifierChange } from '../../../src-engine/contract/index.ts';

const SHA = 'b1946ac92492d2347c6235b4d2611184c2a1e1b9d4e8a4f0f1f1c4a5a3a2b7c8';

export const LINKS: BootLink[] = [
  { firmware: 'bios', state: 'proven', code: 'boot-code', data: { loader: 'grub', sha256: SHA } },
  { firmware: 'bios', state: 'mended', code: 'core-rewritten', data: { sector: 2048, lengthBytes: 197_000 } },
  { firmware: 'bios', state: 'unproven', code: 'core-prefix', data: {} },
  {
    firmware: 'uefi',
    state: 'mended',
    code: 'fallback-copied',
    data: { volume: '1', path: '/EFI/BOOT/BOOTX64.EFI', from: '/EFI/debian/shimx64.efi' },
  },
  {
    firmware: 'uefi',
    state: 'broken',
    code: 'grub-config-lost',
    data: { path: '/EFI/debian/grub.cfg', searched: '42fa9128-fd5a-4daf-9254-0d4da0c8a8ba' },
  },
  { firmware: 'uefi', state: 'unproven', code: 'firmware-entries', data: {} },
];

export const IDENTIFIERS: IdentifierChange[] = [
  {
    reason: 'disk-ids',
    of: 'disk',
    volume: '',
    before: '638603a8-fefc-46dc-9d17-4d6082eedac7',
    after: '8b2ff859-cb10-9147-b965-97334e8303ec',
  },
  { reason: 'file-system-uuids', of: 'file-system', volume: '1', before: '9F21-48CD', after: 'A759-C7C8' },
  {
    reason: 'file-system-uuids',
    of: 'file-system',
    volume: '2',
    before: 'eed5e518-77d0-4ae7-b4af-fea7ba563ae0',
    after: 'ed5ac0fc-ac9e-4d05-93ba-dd00c25ac972',
  },
];
