/** Hostile VDI images, and files that are of no format. */
import { describe, test } from 'vitest';
import { noise } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { randomBelow } from '../filesystems/harmless.ts';
import { attack, byQemu, cutOff, EACH, hostile, readHostileImage } from './hostile-image.ts';

describe('VDI', () => {
  test('headers and block maps', async (context) => {
    const folder = byQemu('i', 'vdi', ['qemu-img', 'convert', '-O', 'vdi', 'disk.raw', 'i']);
    const map = folder.get('i')!.readUInt32LE(340);
    await attack(
      {
        folder,
        name: 'i',
        changed: 'i',
        regions: [
          [64, 24],
          [336, 56],
          [map, 16],
        ],
      },
      4 * EACH,
    );
    await cutOff(folder, 'i');
    proves(context, hostile('VDI'));
  });
});

test('files of noise, and of what formats begin with, are no images or damaged ones', async () => {
  const starts = [
    'QFI\xfb',
    'KDMV',
    'COWD',
    'conectix',
    'vhdxfile',
    '# Disk DescriptorFile\n',
    '\xbe\xba\xfe\xca\0\0\0\0',
    '',
  ];
  const below = randomBelow(3);
  for (let seed = 0; seed < 400; seed++) {
    const bytes = noise(`file ${seed}`, below(6000));
    bytes.write(starts[seed % starts.length], 'latin1');
    if (seed % 7 === 0 && bytes.length > 80) bytes.writeUInt32LE(0xbeda107f, 64);
    await readHostileImage(new Map([['i', bytes]]), 'i');
  }
});
