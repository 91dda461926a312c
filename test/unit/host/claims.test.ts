/** Who may run with whom: each line of the table in ARCHITECTURE.md. */
import { linkSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { catalogClaim, conflict, placeClaim, sourceClaims, templateClaim } from '../../../src-engine/host/claims.ts';
import { thisMachine } from '../../../src-engine/machines/this-machine.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const folder = temporaryFolder();
const machine = thisMachine();
const file = (name: string) => {
  writeFileSync(join(folder, name), name);
  return join(folder, name);
};
const source = (path: string) => placeClaim(machine, 'source', path);
const target = (path: string) => placeClaim(machine, 'target', path);

test.each([
  ['read', 'read', false],
  ['read', 'write', false],
  ['write', 'write', false],
  ['alone', 'read', true],
  ['alone', 'write', true],
  ['alone', 'alone', true],
] as const)('the catalog: %s and %s', (a, b, isConflict) => {
  expect(conflict(catalogClaim(a), catalogClaim(b))).toBe(isConflict);
  expect(conflict(catalogClaim(b), catalogClaim(a))).toBe(isConflict);
});

test('a source may be read by many; who writes to it, or to the same target, waits', async () => {
  const disk = file('disk.img');
  const other = file('other.img');
  expect(conflict(await source(disk), await source(disk))).toBe(false);
  expect(conflict(await source(disk), await target(disk))).toBe(true);
  expect(conflict(await target(disk), await source(disk))).toBe(true);
  expect(conflict(await target(disk), await target(disk))).toBe(true);
  expect(conflict(await target(disk), await target(other))).toBe(false);
});

test('a place is what is there, not what it is called', async () => {
  const disk = file('named.img');
  linkSync(disk, join(folder, 'second-name.img'));
  symlinkSync(disk, join(folder, 'link.img'));
  expect(conflict(await source(join(folder, 'second-name.img')), await target(disk))).toBe(true);
  expect(conflict(await source(join(folder, 'link.img')), await target(disk))).toBe(true);
});

test('a file that is not there yet, and one that is replaced meanwhile, is the same place by its path', async () => {
  const missing = join(folder, 'to-be-made.img');
  expect(conflict(await target(missing), await target(missing))).toBe(true);
  const replaced = file('replaced.img');
  const before = await target(replaced);
  renameSync(file('new content.img'), replaced);
  expect(conflict(before, await source(replaced))).toBe(true);
});

test('files that an image is read from beside itself are its sources too', async () => {
  const overlay = file('overlay.qcow2');
  const backing = file('backing.raw');
  const claims = await sourceClaims(machine, overlay, ['backing.raw']);
  const writing = await target(backing);
  expect(claims.map((claim) => conflict(claim, writing))).toEqual([false, true]);
});

test('a template grows by one version at a time; other things are not in each other’s way', () => {
  expect(conflict(templateClaim('base'), templateClaim('base'))).toBe(true);
  expect(conflict(templateClaim('base'), templateClaim('Base'))).toBe(false);
  expect(conflict(templateClaim('base'), catalogClaim('alone'))).toBe(false);
});
