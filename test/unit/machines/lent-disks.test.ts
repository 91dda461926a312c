/** A disk that is lent is read by whoever opens it, for as long as somebody does and a while longer; another disk in its place is not it. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { PlaceView } from '../../../src-engine/contract/disk.contract.ts';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import type { BlockSource } from '../../../src-engine/disk/block-source.port.ts';
import { endLending, isLent, lendDisk, LENT_MS, openLent } from '../../../src-engine/machines/lent-disks.ts';

const PLACE: PlaceView = {
  kind: 'device',
  path: '/dev/sdb',
  model: 'Disk',
  serial: 'S1',
  lengthBytes: 4096,
  sectorBytes: 512,
  physicalSectorBytes: 4096,
  identity: { number: '8:16', wwn: '', ids: [], generation: '7' },
};
const sourceOf = (readInto: BlockSource['readInto']): BlockSource => ({
  lengthBytes: 4096,
  sectorBytes: 512,
  physicalSectorBytes: 512,
  readInto,
  close: async () => {},
});
const ones = sourceOf(async (_, into) => void into.fill(1));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  endLending(PLACE, ones);
  vi.useRealTimers();
});

test('it has its own sectors, and what is read is what the helper reads', async () => {
  lendDisk(PLACE, ones, () => {});
  const opened = openLent(PLACE)!;
  expect(opened).toMatchObject({ lengthBytes: 4096, physicalSectorBytes: 4096 });
  const bytes = new Uint8Array(8);
  await opened.readInto(0, bytes);
  expect(bytes).toEqual(new Uint8Array(8).fill(1));
  await opened.close();
});

test('another disk that gets its name is not lent', () => {
  lendDisk(PLACE, ones, () => {});
  const other = { ...PLACE, identity: { ...PLACE.identity!, generation: '8' } };
  expect(isLent(PLACE)).toBe(true);
  expect(isLent(other)).toBe(false);
  expect(openLent(other)).toBeNull();
});

test('it is given back a while after the last reader has closed it, once', async () => {
  const giveBack = vi.fn();
  lendDisk(PLACE, ones, giveBack);
  const [first, second] = [openLent(PLACE)!, openLent(PLACE)!];
  await first.close();
  await first.close();
  vi.advanceTimersByTime(LENT_MS * 2);
  expect(giveBack).not.toHaveBeenCalled();
  await second.close();
  vi.advanceTimersByTime(LENT_MS - 1);
  expect(isLent(PLACE)).toBe(true);
  vi.advanceTimersByTime(1);
  expect(isLent(PLACE)).toBe(false);
  expect(giveBack).toHaveBeenCalledTimes(1);
});

test('a sector that fails is the disk’s; a helper that is gone is told as that', async () => {
  const broken = sourceOf(async (offsetBytes) => {
    if (offsetBytes === 0) throw new EngineError('READ_FAILED', { path: 'nbd+unix:///', offsetBytes });
    throw new EngineError('DISK_SERVER_LOST', { place: 'nbd+unix:///', said: 'closed' });
  });
  lendDisk(PLACE, broken, () => {});
  const opened = openLent(PLACE)!;
  const into = new Uint8Array(8);
  await expect(opened.readInto(0, into)).rejects.toMatchObject({ code: 'READ_FAILED', data: { path: '/dev/sdb' } });
  await expect(opened.readInto(512, into)).rejects.toMatchObject({ code: 'HELPER_LOST', data: { said: 'closed' } });
  await opened.close();
  endLending(PLACE, broken);
});
