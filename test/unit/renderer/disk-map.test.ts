import { describe, expect, it } from 'vitest';
import type { VolumeView } from '../../../src-engine/contract/index.ts';
import { familyOf, partitionTypeKey } from '../../../src-renderer/ui/disk-map/families.ts';
import { fillOf, segmentsOf } from '../../../src-renderer/ui/disk-map/segments.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

const volume = (more: Partial<VolumeView> & Pick<VolumeView, 'startBytes' | 'lengthBytes'>): VolumeView => ({
  index: 0,
  ref: '1',
  partitionUuid: '',
  number: 1,
  typeId: '',
  name: '',
  isLogical: false,
  isBootable: false,
  fileSystem: null,
  recognised: null,
  recognisedLabel: '',
  recognisedUuid: '',
  captureAs: 'whole',
  usedBytes: more.lengthBytes,
  warnings: [],
  ...more,
});

describe('segmentsOf', () => {
  it('shows space between and after volumes, but not what aligns them', () => {
    const segments = segmentsOf({
      lengthBytes: 100 * GIB,
      volumes: [
        volume({ index: 0, startBytes: MIB, lengthBytes: 10 * GIB }),
        volume({ index: 1, startBytes: 20 * GIB, lengthBytes: 10 * GIB }),
      ],
    });
    expect(segments.map(({ kind }) => kind)).toEqual(['volume', 'free', 'volume', 'free']);
    expect(segments[1]).toMatchObject({ startBytes: MIB + 10 * GIB, lengthBytes: 10 * GIB - MIB });
    expect(segments[3].lengthBytes).toBe(70 * GIB);
  });

  it('shows an empty disk as one piece of unallocated space', () => {
    expect(segmentsOf({ lengthBytes: GIB, volumes: [] })).toEqual([
      { kind: 'free', key: 'free-0', startBytes: 0, lengthBytes: GIB },
    ]);
  });

  it('survives tables that lie: volumes that overlap, reach past the end, or are empty', () => {
    const segments = segmentsOf({
      lengthBytes: GIB,
      volumes: [
        volume({ index: 0, startBytes: MIB, lengthBytes: GIB }),
        volume({ index: 1, startBytes: 100 * MIB, lengthBytes: 10 * GIB, usedBytes: 20 * GIB }),
        volume({ index: 2, startBytes: 300 * MIB, lengthBytes: 0 }),
      ],
    });
    expect(segments).toHaveLength(3);
    for (const segment of segments) if (segment.kind === 'volume') expect(segment.usedShare).toBeLessThanOrEqual(1);
  });

  it('puts volumes in the order of the disk, whatever the order of their numbers', () => {
    const segments = segmentsOf({
      lengthBytes: GIB,
      volumes: [
        volume({ index: 1, startBytes: 512 * MIB, lengthBytes: 512 * MIB }),
        volume({ index: 0, startBytes: MIB, lengthBytes: 511 * MIB }),
      ],
    });
    expect(segments.map(({ key }) => key)).toEqual(['volume-0', 'volume-1']);
  });
});

describe('fillOf', () => {
  const segments = segmentsOf({
    lengthBytes: 100 * GIB,
    volumes: [
      volume({ index: 0, startBytes: MIB, lengthBytes: 10 * GIB, usedBytes: 2 * GIB }),
      volume({ index: 1, startBytes: 20 * GIB, lengthBytes: 10 * GIB, usedBytes: 6 * GIB }),
      volume({ index: 2, startBytes: 40 * GIB, lengthBytes: 60 * GIB, usedBytes: 0 }),
    ],
  });

  it('goes through the used bytes from the start of the disk to its end', () => {
    expect(fillOf(segments, 0)).toEqual([0, 0, 0, 0, 0]);
    expect(fillOf(segments, 0.25)).toEqual([1, 0, 0, 0, 0]);
    expect(fillOf(segments, 0.625)).toEqual([1, 0, 0.5, 0, 0]);
    expect(fillOf(segments, 1)).toEqual([1, 0, 1, 0, 1]);
  });

  it('takes nonsense for nothing or for all', () => {
    expect(fillOf(segments, -3)).toEqual([0, 0, 0, 0, 0]);
    expect(fillOf(segments, 7)).toEqual([1, 0, 1, 0, 1]);
  });
});

describe('familyOf', () => {
  const at = { startBytes: 0, lengthBytes: GIB };
  const fileSystem = { kind: 'fat32', label: '', uuid: '', blockBytes: 512, lengthBytes: GIB, usedBytes: 0 } as const;

  it('goes by what a volume holds before what its table says', () => {
    expect(familyOf(volume({ ...at, fileSystem, typeId: '83' }))).toBe('fat');
    expect(familyOf(volume({ ...at, recognised: 'luks', typeId: '0FC63DAF-8483-4772-8E79-3D69D8477DE4' }))).toBe(
      'encrypted',
    );
    expect(familyOf(volume({ ...at, recognised: 'ntfs' }))).toBe('windows');
    expect(familyOf(volume({ ...at, recognised: 'lvm2' }))).toBe('lvm');
  });

  it('falls back on the table, and says unknown rather than guessing', () => {
    expect(familyOf(volume({ ...at, typeId: '82' }))).toBe('swap');
    expect(familyOf(volume({ ...at, typeId: 'E3C9E316-0B5C-4DB8-817D-F92DF00215AE' }))).toBe('windows');
    expect(familyOf(volume({ ...at, typeId: '83' }))).toBe('unknown');
    expect(familyOf(volume({ ...at, typeId: 'no such type', recognised: 'no such thing' }))).toBe('unknown');
  });

  it('knows partition types in either case', () => {
    expect(partitionTypeKey('c12a7328-f81f-11d2-ba4b-00a0c93ec93b')).toBe('efi');
    expect(partitionTypeKey('ef')).toBe('efi');
    expect(partitionTypeKey('')).toBeNull();
  });
});
