/** A machine that will be made is called by its name, not by its place. */
import { expect, it } from 'vitest';
import { placeName } from '../../../src-renderer/modules/deploy/new-place.ts';

it.each([
  ['libvirt:lab-01', 'lab-01'],
  ['/images/room-2.img', '/images/room-2.img'],
  ['/dev/sdc', '/dev/sdc'],
  ['', ''],
])('%o is called %o', (place, name) => {
  expect(placeName(place)).toBe(name);
});
