/** How a disk can start: from its first sector by a BIOS, from an EFI system partition by UEFI. */
import type { BootLoader } from '../contract/guest.contract.ts';
import type { Warning } from '../contract/warnings.ts';
import { bootCodeOf, type BootCode } from '../volumes/boot-code.ts';
import { known, unknown } from './datum.ts';
import { GuestFiles } from './guest-files.ts';
import type { GuestVolume } from './guest-input.ts';

const MAX_LOADERS = 100;
const MAX_VENDORS = 50;
const SECTOR_BYTES = 512;

/** As loaders are told; GRUB Legacy starts as GRUB does. */
const OF_CODE: Readonly<Record<Exclude<BootCode, 'none'>, BootLoader['kind']>> = {
  grub: 'grub-mbr',
  'grub-legacy': 'grub-mbr',
  syslinux: 'syslinux-mbr',
  windows: 'windows-mbr',
  lilo: 'unknown-mbr',
  unknown: 'unknown-mbr',
};

export async function readBoot(
  volumes: readonly GuestVolume[],
  firstSectors: Uint8Array,
  signal: AbortSignal,
  warnings: Warning[],
) {
  const loaders: BootLoader[] = bootCode(firstSectors);
  let failedReads = 0;
  for (const { ref, kind, tree } of volumes) {
    if (!tree) continue;
    const files = new GuestFiles({ tree, node: tree.root }, signal, warnings, `${ref}:`);
    if (kind?.startsWith('fat')) loaders.push(...(await efiLoaders(files)));
    for (const [path, loader] of [
      ['/bootmgr', 'windows-boot-manager'],
      ['/ntldr', 'ntldr'],
    ] as const) {
      if (await files.exists(path)) loaders.push({ kind: loader, origin: files.origin(path) });
    }
    failedReads += files.failedReads;
  }
  const isComplete = failedReads === 0 && firstSectors.length >= SECTOR_BYTES;
  return {
    bootLoaders: known(loaders.slice(0, MAX_LOADERS), 'first sector, volumes'),
    bootModes: modes(loaders, isComplete),
  };
}

function bootCode(sector: Uint8Array): BootLoader[] {
  const code = bootCodeOf(sector);
  return code === 'none' ? [] : [{ kind: OF_CODE[code], origin: 'first sector' }];
}

/** UEFI 2.10, 13.3: `\EFI\VENDOR\*.efi`, and `\EFI\BOOT\BOOTX64.EFI` and the like where no boot entry is kept. */
async function efiLoaders(files: GuestFiles): Promise<BootLoader[]> {
  const loaders: BootLoader[] = [];
  for (const vendor of (await files.names('/EFI')).slice(0, MAX_VENDORS)) {
    const isFallback = vendor.toUpperCase() === 'BOOT';
    const isWindows = vendor.toLowerCase() === 'microsoft';
    const folder = `/EFI/${vendor}${isWindows ? '/Boot' : ''}`;
    for (const name of await files.names(folder)) {
      if (!/\.efi$/i.test(name) || (isWindows && !/^bootmgfw\.efi$/i.test(name))) continue;
      if (isFallback && !/^boot(x64|ia32|aa64|arm|riscv64|loongarch64)\.efi$/i.test(name)) continue;
      const kind = isFallback ? 'esp-fallback' : isWindows ? 'windows-boot-manager' : 'esp';
      loaders.push({ kind, origin: files.origin(`${folder}/${name}`) });
    }
  }
  return loaders;
}

const isEfi = ({ origin }: BootLoader) => /\.efi$/i.test(origin);

/** Windows' first sector starts a Windows boot manager or nothing; boot code that nobody knows proves nothing. */
function modes(loaders: readonly BootLoader[], isComplete: boolean) {
  const has = (kind: BootLoader['kind']) => loaders.find((loader) => loader.kind === kind && !isEfi(loader));
  const manager = has('windows-boot-manager') ?? has('ntldr');
  const bios = has('grub-mbr') ?? has('syslinux-mbr') ?? (has('windows-mbr') && manager);
  const uefi = loaders.find(isEfi);
  const found: ('bios' | 'uefi')[] = [...(bios ? (['bios'] as const) : []), ...(uefi ? (['uefi'] as const) : [])];
  const origin = [bios?.origin, uefi?.origin].filter(Boolean).join(', ') || 'first sector, EFI system partition';
  const isDoubtful = found.length === 0 && (!isComplete || loaders.length > 0);
  return isDoubtful ? unknown(origin) : known(found, origin);
}
