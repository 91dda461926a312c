import { expect, test } from 'vitest';
import { isDevicePath } from '../../../src-engine/contract/index.ts';

test.each([
  ['/dev/sda', true],
  ['/dev/mapper/vg-root', true],
  ['/dev/shm/disk.img', false],
  ['/home/ada/dev/disk.img', false],
  ['dev/sda', false],
  ['', false],
])('%s', (path, isDevice) => {
  expect(isDevicePath(path)).toBe(isDevice);
});
