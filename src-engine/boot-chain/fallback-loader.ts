/**
 * The loader that a firmware starts where it has no entry for the disk: `\EFI\BOOT\BOOTx64.EFI` (UEFI 2.10, 3.5.1.1). Systems are often
 * installed without it, since the firmware of the machine that they were installed on got an entry: no other machine has that.
 */
import { GuestFiles } from '../guest/guest-files.ts';
import type { WriteChange } from '../guest/changes.port.ts';
import { replacedFile } from '../guest/replaced-file.ts';
import type { GuestVolume } from '../guest/guest-input.ts';
import type { EfiStart } from './boot-account.ts';
import type { EfiLoader, LoaderRole } from './efi-partition.ts';

/** Of those that find what they need from any folder of the partition, the first: a shim leads to the others under secure boot too. */
const ORDER: readonly LoaderRole[] = ['shim', 'grub', 'systemd-boot', 'windows'];

/** A file of an EFI system partition that is to lie there once more. */
export interface CopiedLoader {
  readonly volume: string;
  /** in the partition */
  readonly path: string;
  readonly from: string;
  readonly lengthBytes: number;
  readonly sha256: string;
}

/**
 * @param efi as it was read from `volume`
 * @returns what is to be copied, for each architecture that has loaders but none in that place; throws nothing but an abort
 */
export async function fallbackCopies(
  { loaders, volume: ref }: EfiStart,
  volume: GuestVolume,
  signal: AbortSignal,
): Promise<CopiedLoader[]> {
  const { tree } = volume;
  if (!tree) return [];
  const files = new GuestFiles({ tree, node: tree.root }, signal);
  const copies: CopiedLoader[] = [];
  for (const architecture of [...new Set(loaders.map((loader) => loader.architecture))].sort()) {
    const own = loaders.filter((loader) => loader.architecture === architecture);
    const chosen = own.some(({ role }) => role === 'fallback') ? null : loaderFor(own);
    if (!chosen) continue;
    const wanted: [from: string, name: string][] = [[chosen.path, `BOOT${architecture.toUpperCase()}.EFI`]];
    if (chosen.role === 'shim') {
      for (const name of [`grub${architecture}.efi`, `mm${architecture}.efi`]) {
        const beside = loaders.find(
          ({ path }) => path.toLowerCase() === `${folderOf(chosen.path)}/${name}`.toLowerCase(),
        );
        if (beside) wanted.push([beside.path, name]);
      }
    }
    for (const [from, name] of wanted) {
      const path = `/EFI/BOOT/${name}`;
      if (await files.exists(path)) continue;
      const { lengthBytes, sha256 } = loaders.find((loader) => loader.path === from)!;
      // a shim alone would be found and lead nowhere
      if (sha256 === null) return copies.filter((copy) => !isOf(copy, architecture));
      copies.push({ volume: ref, path, from, lengthBytes, sha256 });
    }
  }
  return copies;
}

/** Whether a copy is of that architecture's. */
const isOf = ({ path }: CopiedLoader, architecture: string) => path.toLowerCase().endsWith(`${architecture}.efi`);

/** Of several systems, the loader that was written last. */
function loaderFor(loaders: readonly EfiLoader[]): EfiLoader | null {
  const newest = (a: EfiLoader, b: EfiLoader) =>
    (b.modifiedMs ?? 0) - (a.modifiedMs ?? 0) || a.path.localeCompare(b.path);
  for (const role of ORDER) {
    const usable = loaders.filter(
      (loader) => loader.role === role && loader.sha256 !== null && hasWhatItNeeds(loader, loaders),
    );
    if (usable.length > 0) return usable.sort(newest)[0];
  }
  return null;
}

/** A shim starts GRUB, which lies beside it. */
function hasWhatItNeeds({ role, path, architecture }: EfiLoader, loaders: readonly EfiLoader[]): boolean {
  if (role !== 'shim') return true;
  const grub = `${folderOf(path)}/grub${architecture}.efi`.toLowerCase();
  return loaders.some((loader) => loader.path.toLowerCase() === grub);
}

const folderOf = (path: string) => path.slice(0, path.lastIndexOf('/'));

/**
 * A copy as changes are told.
 * @param files in which the partition stands at `mountPoint`
 * @returns null where its file is not there, or cannot be read
 */
export async function copyChange(
  { path, from, lengthBytes }: CopiedLoader,
  files: GuestFiles,
  mountPoint: string,
): Promise<WriteChange | null> {
  const bytes = await files.head(`${mountPoint}${from}`, lengthBytes);
  if (bytes?.length !== lengthBytes) return null;
  return replacedFile('boot', `${mountPoint}${path}`, bytes);
}
