/** A disk's bus is told by its name, as people write it. */
import { describe, expect, it } from 'vitest';
import { busName } from '../../../src-renderer/ui/disk-map/bus-name.ts';

describe('the name of a bus', () => {
  it.each([
    ['sata', null, 'SATA'],
    ['sata', '0', 'SATA 0'],
    ['nvme', null, 'NVMe'],
    ['virtio', '1', 'virtio 1'],
    ['usb', null, 'USB'],
    [null, '2', '2'],
    ['', null, ''],
    [undefined, null, ''],
  ])('of %o at %o is %o', (bus, address, name) => {
    expect(busName(bus, address)).toBe(name);
  });
});
