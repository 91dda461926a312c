/** What a person calls the disks that a job is about. */
import { describe, expect, it } from 'vitest';
import type { PlaceView } from '../../../src-engine/contract/index.ts';
import { diskNames } from '../../../src-engine/host/planned-work.ts';

const place = (kind: 'device' | 'file', path: string, model: string) => ({ kind, path, model }) as PlaceView;

describe('names of disks', () => {
  it('are maker and model, and the path where a disk tells none or is a file', () => {
    const stick = place('device', '/dev/sdb', 'SanDisk Ultra Fit');
    expect(diskNames([stick])).toBe('SanDisk Ultra Fit');
    expect(diskNames([stick, place('file', '/images/room.img', 'room.img'), place('device', '/dev/vda', '')])).toBe(
      'SanDisk Ultra Fit, /images/room.img, /dev/vda',
    );
  });

  it('are left out where no disk is among the places, or none tells its model', () => {
    expect(diskNames([place('file', '/images/room.img', 'room.img')])).toBeUndefined();
    expect(diskNames([place('device', '/dev/vda', '')])).toBeUndefined();
  });
});
