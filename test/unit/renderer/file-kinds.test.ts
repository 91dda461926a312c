/** Which files are shown first, and where a typed folder leads. */
import { expect, test } from 'vitest';
import { fits, typedFolderIn } from '../../../src-renderer/modules/devices/file-kinds.ts';

test('files fit by the ends of their names, whatever their case; without an end they may be anything', () => {
  expect(['a.IMG', 'b.qcow2', 'c.img.xz', 'd.ova', 'lab.dpk.7z', 'sda'].every((name) => fits(name, 'image'))).toBe(
    true,
  );
  expect(['notes.txt', 'photo.jpeg', 'x.pdf'].some((name) => fits(name, 'image'))).toBe(false);
  expect(fits('c.img.xz', 'disk')).toBe(false);
  expect([fits('virtio-win.iso', 'iso'), fits('virtio-win.img', 'iso')]).toEqual([true, false]);
  expect(fits('.hidden', 'iso')).toBe(true);
});

test('a folder that is typed without its root is one of the folder that is open', () => {
  expect(typedFolderIn('/home/ada', 'Downloads')).toBe('/home/ada/Downloads');
  expect(typedFolderIn('/', 'srv')).toBe('/srv');
  expect(typedFolderIn('/home/ada', '/srv')).toBe('/srv');
  expect(typedFolderIn('C:\\images', 'old')).toBe('C:\\images\\old');
  expect(typedFolderIn('C:\\images', 'D:\\')).toBe('D:\\');
  expect(typedFolderIn('/home/ada', '')).toBeNull();
});
