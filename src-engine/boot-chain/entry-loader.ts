/** The loader that an entry of a firmware is to lead to. */
import type { BootAccount } from './boot-account.ts';
import type { LoaderRole } from './efi-partition.ts';

/** A shim starts the others under secure boot too; the fallback is found without an entry. */
const ORDER: readonly LoaderRole[] = ['shim', 'grub', 'systemd-boot', 'windows', 'fallback'];

export interface EntryLoader {
  /** the partition's number as text */
  readonly volume: string;
  readonly path: string;
  readonly partitionUuid: string;
}

/** @returns null where there is none, or its partition has no identity that an entry could name */
export function entryLoader({ efi, places }: BootAccount): EntryLoader | null {
  for (const role of ORDER) {
    for (const { volume, loaders } of efi) {
      const partitionUuid = places.find((place) => place.volume === volume)?.partitionUuid;
      const loader = loaders.find((one) => one.role === role);
      if (loader && partitionUuid !== undefined) return { volume, path: loader.path, partitionUuid };
    }
  }
  return null;
}
