import { expect, test } from 'vitest';
import { shareBytes } from '../../../src-engine/machines/share-bytes.ts';

test('a place shares bytes with itself, with what it stands on and with its file, not with its neighbours', () => {
  const disk = ['device 8:0'];
  const [one, two] = ['device 253:0', 'device 253:1'].map((own) => [own, ...disk]);
  expect([shareBytes(one, one), shareBytes(one, disk), shareBytes(disk, two), shareBytes(one, two)]).toEqual([
    true,
    true,
    true,
    false,
  ]);
  const loops = ['device 7:0', 'device 7:1'].map((own) => [own, 'file 1:2']);
  expect([shareBytes(loops[0], loops[1]), shareBytes(['file 1:2'], loops[0])]).toEqual([true, true]);
  expect(shareBytes(['file 1:2'], ['file 1:3'])).toBe(false);
});
