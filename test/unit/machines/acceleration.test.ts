/** Whether hardware acceleration works is found out once for each boot of a machine; that it does not, again from time to time. */
import { readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { remembered } from '../../../src-engine/machines/qemu/acceleration.ts';
import { temporaryFolder } from '../../support/temporary.ts';

test.each([true, false])('what was found out is asked once: %s', async (works) => {
  const folder = join(temporaryFolder(), 'diskpress');
  const ask = vi.fn(async () => works);
  expect(await remembered(folder, ask)).toBe(works);
  expect(await remembered(folder, ask)).toBe(works);
  expect(ask).toHaveBeenCalledTimes(1);
});

test('what did not work is tried again after an hour, and what did is not', async () => {
  const folder = temporaryFolder();
  await remembered(folder, async () => false);
  const [name] = readdirSync(folder);
  const age = () => utimesSync(join(folder, name), new Date(), new Date(Date.now() - 3_700_000));
  age();
  expect(await remembered(folder, async () => true)).toBe(true);
  age();
  const ask = vi.fn(async () => false);
  expect(await remembered(folder, ask)).toBe(true);
  expect(ask).not.toHaveBeenCalled();
});

test('where nothing can be kept, or nonsense was, it is asked', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file'), '');
  expect(await remembered(join(folder, 'file', 'below'), async () => true)).toBe(true);
  expect(await remembered(null, async () => true)).toBe(true);
  writeFileSync(join(folder, 'acceleration'), 'wor');
  expect(await remembered(folder, async () => false)).toBe(false);
});
