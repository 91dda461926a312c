/** The account of a target before there is one: that of the template, with what is known to become other. */
import type { Extent } from '../disk/block-source.port.ts';
import type { DiskLayout } from '../volumes/layout.port.ts';
import type { BootAccount, CoreAccount, EfiStart } from './boot-account.ts';
import type { CopiedLoader } from './fallback-loader.ts';
import { shiftOf } from './moved-core.ts';

export interface Becoming {
  /** of the partitions, in the order of the layout; null for one whose content a program puts elsewhere in it */
  readonly places: readonly (Extent | null)[];
  /** where the table says that they are */
  readonly spans: readonly Extent[];
  readonly sectorBytes: number;
  readonly copied: readonly CopiedLoader[];
  readonly active: string | null;
}

/** @param layout the template's */
export function expectedAccount(
  before: BootAccount,
  layout: Pick<DiskLayout, 'partitions'>,
  { places, spans, sectorBytes, copied, active }: Becoming,
): BootAccount {
  const shift = shiftOf(layout, places);
  const coreOf = (core: CoreAccount | null): CoreAccount | null => {
    const startBytes = core && shift(core.startBytes);
    return startBytes === null ? null : { ...core!, startBytes };
  };
  const { bios } = before;
  return {
    ...before,
    sectorBytes,
    places: before.places.map((place, i) => ({ ...place, ...spanOf(spans[i]) })),
    efi: before.efi.map((efi) => withCopies(efi, copied)),
    bios: {
      ...bios,
      core: coreOf(bios.core),
      active: active === null ? bios.active : [active],
      partitions: bios.partitions.map((partition) => ({
        ...partition,
        core: coreOf(partition.core),
        file: partition.file && { ...partition.file, extents: isMoved(partition.volume) ? [] : partition.file.extents },
      })),
    },
  };

  function isMoved(volume: string): boolean {
    const i = layout.partitions.findIndex(({ number }) => String(number ?? 0) === volume);
    return i >= 0 && places[i] === null;
  }
}

const spanOf = ({ startBytes, lengthBytes }: Extent) => ({ startBytes, lengthBytes });

function withCopies(efi: EfiStart, copied: readonly CopiedLoader[]): EfiStart {
  const own = copied.filter(({ volume }) => volume === efi.volume);
  const loaders = own.map(({ path, from, sha256, lengthBytes }) => {
    const source = efi.loaders.find((loader) => loader.path === from)!;
    const isFallback = /\/BOOT[^/]*$/.test(path);
    return { ...source, path, role: isFallback ? ('fallback' as const) : source.role, sha256, lengthBytes };
  });
  return { ...efi, loaders: [...efi.loaders, ...loaders] };
}
