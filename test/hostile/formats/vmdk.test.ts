/** Hostile VMDK disks: headers, tables, grains and descriptors that lie. */
import { describe, expect, test } from 'vitest';
import { proves } from '../../support/matrix.ts';
import { type Region } from '../filesystems/harmless.ts';
import { attack, byQemu, cutOff, EACH, hostile, mutateText, RAW, readHostileImage } from './hostile-image.ts';

describe('VMDK', () => {
  const convert = (name: string, options: string) =>
    byQemu(name, 'vmdk', ['qemu-img', 'convert', '-O', 'vmdk', '-o', options, 'disk.raw', name]);

  test('headers, grain directories and tables, compressed grains', async (context) => {
    for (const subformat of ['monolithicSparse', 'streamOptimized']) {
      const folder = convert('i', `subformat=${subformat}`);
      const bytes = folder.get('i')!;
      const directory = Number(bytes.readBigUInt64LE(56)) * 512;
      const table = bytes.readUInt32LE(directory) * 512;
      const grain = bytes.readUInt32LE(table) * 512;
      const regions: Region[] = [
        [0, 96],
        [directory, 16],
        [table, 80],
        [grain, 2000],
      ];
      await attack({ folder, name: 'i', changed: 'i', regions }, 2 * EACH);
      await cutOff(folder, 'i');
    }
    proves(context, hostile('VMDK'));
  });

  test('descriptors, in files of their own and in others', async () => {
    for (const subformat of ['twoGbMaxExtentSparse', 'monolithicFlat', 'monolithicSparse']) {
      const folder = convert('i.vmdk', `subformat=${subformat}`);
      const whole = folder.get('i.vmdk')!;
      const at = whole.indexOf('# Disk Desc');
      const text = whole.toString('latin1', at).replace(/\0[^]*$/, '');
      for (let seed = 0; seed < EACH; seed++) {
        const changed = Buffer.from(mutateText(text, seed), 'latin1');
        const bytes = at === 0 ? changed : Buffer.from(whole);
        if (at > 0) changed.copy(bytes, at, 0, 20 * 512);
        await readHostileImage(new Map(folder).set('i.vmdk', bytes), 'i.vmdk');
      }
    }
  });

  test('extents and parents that lead out of the folder are never opened', async () => {
    const folder = new Map([['disk.raw', RAW]]);
    const extent = `RW ${RAW.length / 512} FLAT`;
    for (const name of ['/etc/passwd', '../disk.raw', 'a/b', 'a\\b', 'C:x', '\\\\.\\PhysicalDrive0', '', '..']) {
      const text = (lines: string) => folder.set('d', Buffer.from(`# Disk DescriptorFile\nCID=1\n${lines}\n`));
      text(`${extent} "${name}" 0`);
      expect(await readHostileImage(folder, 'd'), name).toBe('FORMAT_UNSUPPORTED');
      text(`${extent} "disk.raw" 0\nparentCID=2\nparentFileNameHint="${name}"`);
      expect(await readHostileImage(folder, 'd'), name).toBe('FORMAT_UNSUPPORTED');
    }
  });
});
