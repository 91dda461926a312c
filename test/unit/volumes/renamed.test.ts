/** Identifiers of tables and of LVM2, replaced where they stand. */
import { expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { renamedMbr } from '../../../src-engine/volumes/mbr-sector.ts';
import type { Patch } from '../../../src-engine/volumes/layout.port.ts';
import { readMemberUuids, renamedMember } from '../../../src-engine/volumes/lvm2/uuids.ts';
import { groupText, linear, PV_UUIDS, writePhysicalVolume } from './lvm-image.ts';

const dashed = (uuid: string) => uuid.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/, '$1-$2-$3-$4-$5-$6-$7');
const [PV] = PV_UUIDS;
const [OLD, NEW] = [dashed(PV), dashed('Z'.repeat(32))];
const MIB = 1024 * 1024;

function patched(volume: Buffer, patches: readonly Patch[]): Buffer {
  const now = Buffer.from(volume);
  for (const { offsetBytes, bytes } of patches) now.set(bytes, offsetBytes);
  return now;
}

test.each([512, 60 * 1024 - 700])('metadata of LVM2 that begins at %d of its ring', async (textOffset) => {
  const volume = Buffer.alloc(8 * MIB);
  const text = groupText({ id: dashed('G'.repeat(32)), volumes: linear('root', 0, 1) });
  writePhysicalVolume(volume, { uuid: PV, text, textOffset });
  const before = (await readMemberUuids(memorySource(volume)))!;
  expect(before.physicalVolume).toBe(OLD);
  const group = before.group!.uuid;
  const other = dashed('Y'.repeat(32));
  const names = new Map([
    [OLD, NEW],
    [group, other],
  ]);
  const now = patched(volume, await renamedMember(memorySource(volume), names));
  const after = (await readMemberUuids(memorySource(now)))!;
  expect(after.physicalVolume).toBe(NEW);
  expect(after.group!.uuid).toBe(other);
  expect([...after.group!.physicalVolumes.values()].map(({ uuid }) => uuid)).toContain(NEW);
  // what is not an id stays, whatever it says
  const back = new Map([...names].map(([a, b]) => [b, a]));
  expect(patched(now, await renamedMember(memorySource(now), back)).equals(volume)).toBe(true);
});

test('the signature of an MBR, as sfdisk writes it', () => {
  const { offsetBytes, bytes } = renamedMbr('1234ABCD');
  expect([offsetBytes, Buffer.from(bytes).toString('hex')]).toEqual([440, 'cdab3412']);
});
