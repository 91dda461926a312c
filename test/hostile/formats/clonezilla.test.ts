/** Hostile Clonezilla folders: texts that lie about places and lengths. */
import { expect, test } from 'vitest';
import { readCloneFolder } from '../../../src-engine/formats/clonezilla/folder.ts';
import { proves } from '../../support/matrix.ts';
import { MUTATIONS, randomBelow } from '../filesystems/harmless.ts';
import { hostile, mutateText } from './hostile-image.ts';
import { expectNoticed, outcomeOf } from './lies.ts';

const FILES: Record<string, string> = {
  parts: 'sda1 sda2 sda5\n',
  disk: 'sda\n',
  'sda-pt.sf': `label: dos
label-id: 0x12345678
device: /dev/sda
unit: sectors
sector-size: 512

/dev/sda1 : start=        2048, size=       20480, type=83, bootable
/dev/sda2 : start=       22528, size=       40960, type=5
/dev/sda5 : start=       24576, size=       10240, type=82
/dev/sda6 : start=       36864, size=       10240, type=83
`,
  'sda-pt.parted': 'Model: x\nDisk /dev/sda: 131072s\nSector size (logical/physical): 512B/512B\n',
  'sda-mbr': `${'\0'.repeat(510)}\x55\xaa`,
  'swappt-sda5.info': 'UUID="11111111-2222-3333-4444-555555555555"\nLABEL="swap"\n',
  'sda1.ext4-ptcl-img.gz.aa': '',
  'sda1.ext4-ptcl-img.gz.ab': '',
  'sda6.dd-img.zst': '',
};

async function read(files: Record<string, string>): Promise<void> {
  const names = Object.keys(files);
  const disks = await readCloneFolder({
    names,
    read: async (name, maxBytes) => (name in files ? Buffer.from(files[name], 'latin1').subarray(0, maxBytes) : null),
  });
  for (const { lengthBytes, partitions, front, swaps } of disks) {
    expect(Number.isSafeInteger(lengthBytes) && lengthBytes > 0).toBe(true);
    for (const part of [...partitions, ...swaps]) {
      expect(part.startBytes + part.lengthBytes).toBeLessThanOrEqual(lengthBytes);
    }
    for (const { files: pieces } of partitions) for (const piece of pieces) expect(names).toContain(piece);
    for (const { startBytes } of front) expect(startBytes).toBeGreaterThanOrEqual(0);
  }
}

test('tables, lengths and names that lie', async (context) => {
  await read(FILES);
  const texts = ['sda-pt.sf', 'sda-pt.parted', 'swappt-sda5.info', 'parts'];
  await expectNoticed(MUTATIONS, (seed) => {
    const name = texts[randomBelow(seed)(10) % texts.length];
    const files = { ...FILES, [name]: mutateText(FILES[name], seed) };
    if (seed % 20 === 0) delete files[Object.keys(files)[randomBelow(seed)(Object.keys(files).length)]];
    return outcomeOf(() => read(files));
  });
  proves(context, hostile('Clonezilla folder'));
});
