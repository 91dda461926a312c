/** What a look or a plan has seen of an image: plain data, which is kept for as long as a plan lives. Nothing is unpacked here. */
import { realpath, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { versionView } from '../../catalog/views/template-view.ts';
import type { OutsideChoice } from '../../contract/account.contract.ts';
import type { PlaceView } from '../../contract/disk.contract.ts';
import type { ImportView } from '../../contract/import.contract.ts';
import { UNKNOWN } from '../../contract/open-words.ts';
import { NOTHING_RECORDED, type VersionView } from '../../contract/template.contract.ts';
import { toldOf } from '../../core/of-disk.ts';
import type { EndOfLifeTable } from '../../guest/end-of-life.ts';
import { findImage, type ImageRequest } from '../../images/find-image.ts';
import { proposalFor } from '../../images/inspect-image.ts';
import type { Found, FoundPackage } from '../../images/opened-image.ts';
import { bootFirst } from '../../inspection/boots.ts';
import { guestOfDisks } from '../../inspection/guest-of.ts';
import type { KeptLooks } from '../../inspection/kept-looks.ts';
import { lookAtDisks, type ImportedDisk } from './disks.ts';

const MAX_ENTRIES = 1000;
/** What templates' names may not have: contract, NameSchema. */
const NOT_IN_NAMES = /[\p{Cc}/@]+/gu;
const ENDINGS =
  /\.(img|raw|dd|bin|image|qcow2?|vmdk|vdi|vhdx?|ova|ovf|iso|wic|gz|xz|bz2|zst|lz4|lzma|lz|lzo|7z|zip|tar|dpk)$/i;

interface LookRequest extends ImageRequest {
  /** what becomes of data that nothing speaks of */
  readonly outside: OutsideChoice;
}

export interface ImportLook extends Pick<Found, 'fileName' | 'format' | 'notSaved' | 'needsPassword' | 'entries'> {
  readonly view: ImportView;
  /** names of the files beside each image that lies open: one for each disk */
  readonly filesOfImages: readonly (readonly string[])[];
  /** names of the disks of a machine that are taken together; empty: one alone */
  readonly disks: readonly string[];
  readonly package: FoundPackage['about'] | null;
}

/** @throws EngineError as {@link findImage}; `READ_FAILED` */
export function lookAtImage(
  looks: KeptLooks<ImportLook>,
  request: LookRequest,
  endOfLife: EndOfLifeTable,
  signal: AbortSignal,
): Promise<ImportLook> {
  const { path, entry, disk = null, format, password, outside } = request;
  return looks.of({ path, entry, disk, format, password, outside, endOfLife }, async () => {
    const found = await findImage(request, null, signal);
    try {
      const view = await viewOf(request, endOfLife, found, signal);
      const { fileName, format, notSaved, needsPassword, entries, images, disks } = found;
      return {
        seen: {
          ...{ view, fileName, format, notSaved, needsPassword, entries },
          filesOfImages: images.map(({ files }) => files),
          disks: disks.map(({ name }) => name),
          package: found.package?.about ?? null,
        },
        async isCurrent() {
          await found.refuseChanged();
          return true;
        },
      };
    } finally {
      await found.close();
    }
  });
}

const NOT_VERIFIED = { health: 'unverified', verifiedAt: null } as const;

async function viewOf(
  { path, outside }: LookRequest,
  endOfLife: EndOfLifeTable,
  found: Found,
  signal: AbortSignal,
): Promise<ImportView> {
  const { images, image } = found;
  const looked = await lookAtDisks(images, outside, signal);
  const packed =
    found.package &&
    versionView(
      found.package.about.version,
      found.package.about.version.disks.map(() => NOT_VERIFIED),
    );
  const [first] = looked;
  const boot = bootFirst(looked);
  const guest =
    looked.length > 0
      ? await guestOfDisks(
          boot.map(({ inspected }) => inspected),
          endOfLife,
          signal,
        )
      : (packed?.guest ?? null);
  const disk = first?.view ?? packed?.disks[0].layout ?? null;
  const proposal = guest && looked.length > 0 ? await proposalFor(boot[0].image, boot[0].view, guest) : null;
  return {
    source: await placeOf(path, disk?.lengthBytes),
    fileBytes: await fileLength(path),
    archive: found.archive,
    needsPassword: found.needsPassword,
    entries: found.entries.slice(0, MAX_ENTRIES).map(({ name, lengthBytes }) => ({ name, lengthBytes })),
    format: found.format,
    files: images.flatMap(({ files }) => files),
    disk,
    disks: disksOf(found, looked, packed),
    guest,
    scratchBytes: found.scratchBytes,
    proposedName: nameFor(found.name),
    proposed: proposal?.configuration ?? packed?.configuration ?? NOTHING_RECORDED,
    isBootModeCertain: proposal?.isBootModeCertain ?? false,
    warnings: [
      ...found.warnings,
      ...(image
        ? looked.flatMap((one) => [...one.image.warnings, ...one.view.warnings].map((told) => toldOf(one.number, told)))
        : (disk?.warnings ?? [])),
    ],
  };
}

function disksOf(found: Found, looked: readonly ImportedDisk[], packed: VersionView | null): ImportView['disks'] {
  const alone = { name: found.fileName, lengthBytes: null, bus: null, address: null };
  const names = found.disks.length > 0 ? found.disks : looked.map(() => alone);
  if (packed) {
    return packed.disks.map(({ source, capacityBytes, role, bus, address, layout }) => ({
      name: source.model || source.path,
      lengthBytes: capacityBytes,
      role: role === UNKNOWN ? null : role,
      ...{ bus, address, disk: layout },
    }));
  }
  return names.map(({ name, lengthBytes, bus, address }, i) => ({
    name,
    lengthBytes: looked[i]?.view.lengthBytes ?? lengthBytes,
    role: looked[i]?.role ?? null,
    ...{ bus, address, disk: looked[i]?.view ?? null },
  }));
}

async function fileLength(path: string): Promise<number | null> {
  const stats = await stat(path);
  return stats.isFile() ? stats.size : null;
}

/** @returns the file or folder, with the length of the disk where it is known */
export async function placeOf(path: string, diskBytes?: number): Promise<PlaceView> {
  const real = await realpath(path);
  const stats = await stat(real);
  return {
    kind: 'file',
    path: real,
    model: basename(real),
    serial: '',
    lengthBytes: diskBytes ?? (stats.isFile() ? stats.size : 0),
    sectorBytes: 512,
    physicalSectorBytes: 512,
  };
}

function nameFor(name: string): string {
  let plain = name.replace(NOT_IN_NAMES, ' ').trim();
  while (ENDINGS.test(plain)) plain = plain.replace(ENDINGS, '');
  return plain.slice(0, 128).trim() || 'image';
}
