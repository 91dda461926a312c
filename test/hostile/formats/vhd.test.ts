/** Hostile VHD images: footers, headers, tables, bitmaps and parents that lie, with checksums put right. */
import { describe, test } from 'vitest';
import { noise } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { buildVhd, sealFooter, sealHeader } from '../../integ/formats/build-vhd.ts';
import { MIB } from '../../integ/formats/build-vhdx.ts';
import { type Region } from '../filesystems/harmless.ts';
import { attack, byQemu, cutOff, EACH, hostile } from './hostile-image.ts';

describe('VHD', () => {
  const sectors = new Map([0, 5, 100, 129, 700].map((number) => [number, noise(`${number}`, 512)]));
  const base = () => buildVhd({ lengthBytes: MIB, blockBytes: 65_536, sectors, name: 'base' });
  const repair = (bytes: Buffer) => {
    sealFooter(bytes.subarray(0, 512));
    sealHeader(bytes.subarray(512, 1536));
    sealFooter(bytes.subarray(bytes.length - 512));
  };

  test('footers, headers, tables, bitmaps', async (context) => {
    const folder = new Map([['i', base()]]);
    const bitmap = folder.get('i')!.readUInt32BE(1536) * 512;
    const regions: Region[] = [
      [0, 96],
      [512, 60],
      [1536, 80],
      [bitmap, 512],
    ];
    await attack({ folder, name: 'i', changed: 'i', regions, repair }, 3 * EACH);
    await cutOff(folder, 'i');
    proves(context, hostile('VHD'));
  });

  test('parents: names, locators, what is in them', async () => {
    const parent = { name: 'base', fieldName: 'base', locators: { W2ru: '.\\base', W2ku: 'C:\\x\\base' } };
    const folder = new Map([
      ['base', base()],
      ['i', buildVhd({ lengthBytes: MIB, blockBytes: 65_536, sectors, name: 'i', parent })],
    ]);
    const regions: Region[] = [
      [512 + 40, 40],
      [512 + 64, 24],
      [512 + 576, 60],
      [2048, 24],
      [2560, 24],
    ];
    await attack({ folder, name: 'i', changed: 'i', regions, repair }, 2 * EACH);
    await attack(
      {
        folder,
        name: 'i',
        changed: 'base',
        regions: [
          [0, 96],
          [512, 60],
        ],
        repair,
      },
      EACH,
    );
  });

  test('a fixed disk whose footer lies', async () => {
    const folder = byQemu('i', 'vpc', ['qemu-img', 'convert', '-O', 'vpc', '-o', 'subformat=fixed', 'disk.raw', 'i']);
    const footer = folder.get('i')!.length - 512;
    const seal = (bytes: Buffer) => sealFooter(bytes.subarray(bytes.length - 512));
    await attack({ folder, name: 'i', changed: 'i', regions: [[footer, 96]], repair: seal }, EACH);
  });
});
