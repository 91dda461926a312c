/** What is on an imported disk, and what follows for the machine that it is for. */
import type { DiskView } from '../contract/disk.contract.ts';
import type { RecordedConfiguration } from '../contract/template.contract.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import type { Guest } from '../contract/guest.contract.ts';
import { bootsOf } from '../inspection/boots.ts';
import { configurationOf } from '../inspection/configuration.ts';
import { inspectDisk, type InspectedDisk } from '../inspection/disk-inspection.ts';
import type { OpenedImage } from './opened-image.ts';

const UNIT_BYTES = 2048;

export function inspectImage({ source, medium }: OpenedImage, signal: AbortSignal): Promise<InspectedDisk> {
  return medium === 'iso' ? Promise.resolve(wholeMedium(source)) : inspectDisk(source, signal);
}

/** A boot medium is kept as it is: partitions that it claims to have are part of it. */
function wholeMedium(source: BlockSource): InspectedDisk {
  const { lengthBytes, sectorBytes, physicalSectorBytes } = source;
  const place = { number: null, startBytes: 0, lengthBytes, typeId: '', name: '', isLogical: false, isBootable: true };
  const all = [{ startBytes: 0, lengthBytes }];
  const whole = { captureAs: 'whole', usedBytes: lengthBytes } as const;
  return {
    source,
    layout: {
      table: 'none',
      tableId: '',
      sectorBytes,
      partitions: [place],
      metadata: [],
      minimumBytes: lengthBytes,
      warnings: [],
    },
    signatures: null,
    volumes: [
      {
        ...whole,
        partition: place,
        fileSystem: null,
        unitBytes: UNIT_BYTES,
        async *used() {
          yield all;
        },
      },
    ],
    opened: [],
    outside: [],
    free: [],
    view: {
      lengthBytes,
      sectorBytes,
      physicalSectorBytes,
      table: 'none',
      tableId: '',
      volumes: [
        {
          ...place,
          ...whole,
          index: 0,
          ref: '0',
          partitionUuid: '',
          fileSystem: null,
          recognised: 'iso9660',
          recognisedLabel: '',
          recognisedUuid: '',
          warnings: [],
        },
      ],
      groups: [],
      usedBytes: lengthBytes,
      warnings: [],
      account: null,
    },
  };
}

export interface Proposal {
  readonly configuration: RecordedConfiguration;
  readonly isBootModeCertain: boolean;
}

const BIOS_BOOT = '21686148-6449-6E6F-744E-656564454649';

/** What the image's file says counts first; else where a firmware would begin: boot code, an EFI system partition. */
export async function proposalFor(image: OpenedImage, disk: DiskView, guest: Guest): Promise<Proposal> {
  const { medium, source } = image;
  if (medium === 'iso') return { configuration: image.configuration, isBootModeCertain: false };
  const inside = configurationOf(guest, null);
  const configuration = {
    ...image.configuration,
    operatingSystem: image.configuration.operatingSystem ?? inside.operatingSystem,
    hasCloudInit: image.configuration.hasCloudInit ?? inside.hasCloudInit,
  };
  if (configuration.bootMode !== null) return { configuration, isBootModeCertain: true };
  const types = disk.volumes.map(({ typeId }) => typeId.toUpperCase());
  const { uefi: bootsUefi, bios: bootsBios } = await bootsOf(source, disk);
  const bootMode = bootsUefi ? 'uefi' : bootsBios ? 'bios' : null;
  // a disk that is made for both may have been used either way
  const isBootModeCertain = bootMode !== null && bootsUefi !== bootsBios && !types.includes(BIOS_BOOT);
  return { configuration: { ...configuration, bootMode }, isBootModeCertain };
}
