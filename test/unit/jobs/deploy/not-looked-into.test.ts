/** Which volumes may hold a system that is not seen, by what was found of each. */
import { expect, test } from 'vitest';
import type { DiskView } from '../../../../src-engine/contract/disk.contract.ts';
import { EngineError } from '../../../../src-engine/core/engine-error.ts';
import type { OpenedDisk } from '../../../../src-engine/jobs/deploy/opened-disk.ts';
import { notLookedInto } from '../../../../src-engine/jobs/deploy/not-looked-into.ts';

const REFUSED = new EngineError('FORMAT_INVALID', { field: 'x' });

interface Found {
  readonly ref?: string;
  readonly recognised?: string | null;
  readonly refusal?: EngineError | null;
  /** the file system is known: its files are read, or cannot be, or it has none */
  readonly files?: 'read' | 'unread' | 'none';
}

function told(found: readonly Found[], groups: readonly Partial<DiskView['groups'][number]>[] = []): string | null {
  const all = found.map((one, i) => ({ ref: String(i + 1), recognised: null, refusal: null, ...one }));
  const volumes = all.map(({ files, ...one }) => ({
    ...one,
    fileSystem: files ? { browse: files === 'none' ? undefined : () => null } : null,
  }));
  const input = { volumes: all.map(({ ref, files }) => ({ ref, tree: files === 'read' ? {} : null })) };
  const disk = { volumes: all.map(({ ref }) => ({ ref })), groups };
  const seen = notLookedInto({ volumes, input } as unknown as OpenedDisk, disk as unknown as DiskView);
  return seen && `${seen.reason}: ${seen.volumes.join()}`;
}

const READ: Found = { files: 'read' };
const SWAP: Found = { files: 'none' };

test.each<[string, readonly Found[], string | null]>([
  ['files that are read, swap space, noise', [READ, SWAP, {}], null],
  ['an encrypted volume beside /boot', [READ, { recognised: 'luks' }], 'encrypted: 2'],
  ['an encrypted volume of Windows', [{ recognised: 'bitlocker' }], 'encrypted: 1'],
  ['several', [{ recognised: 'luks' }, READ, { recognised: 'luks' }], 'encrypted: 1,3'],
  ['a file system that nothing here reads', [{ recognised: 'f2fs' }], 'unknown-kind: 1'],
  ['a member of a pool', [{ recognised: 'zfs_member' }], 'unknown-kind: 1'],
  ['a member of an array made by a controller', [{ recognised: 'isw_raid_member' }], 'several-disks: 1'],
  ['a file system whose files cannot be read', [{ files: 'unread' }], 'damaged: 1'],
  ['something that contradicts itself', [{ refusal: REFUSED }], 'damaged: 1'],
  ['discs and swap of other kinds', [{ recognised: 'iso9660' }, { recognised: 'swap' }], null],
  ['a group that is looked into by its volumes', [{ recognised: 'lvm2' }, { ref: 'vg/root', files: 'read' }], null],
  ['a damaged group', [{ recognised: 'lvm2', refusal: REFUSED }], 'damaged: 1'],
  ['what says most, of several', [{ recognised: 'f2fs' }, { recognised: 'luks' }], 'encrypted: 2'],
])('%s', (_, found, expected) => {
  expect(told(found)).toBe(expected);
});

test('a group over several disks', () => {
  const group = { members: [1], missingMembers: 1, volumes: [{}] as never };
  expect(told([READ, { recognised: 'lvm2', refusal: REFUSED }], [group])).toBe('several-disks: 2');
  // half of a mirror is read like the whole
  expect(told([{ recognised: 'md-raid' }, READ], [{ ...group, members: [0], volumes: [{ ref: '2' }] as never }])).toBe(
    null,
  );
});
