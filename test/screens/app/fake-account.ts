/** An account of the bytes of a disk that could be real: what its volumes do not use is free, what lies around them is zeros. */
import type { Account, DiskView, OutsideView } from '../../../src-engine/contract/index.ts';

/** @param holds data behind the last partition: taken, or waiting for an answer */
export function fakeAccount(
  { lengthBytes, volumes, usedBytes }: Pick<DiskView, 'lengthBytes' | 'volumes' | 'usedBytes'>,
  holds: { lengthBytes: number; names: string[]; isUndecided: boolean } | null = null,
): Account {
  const free = new Map<string, number>();
  for (const { fileSystem, recognised, ...volume } of volumes) {
    const by = fileSystem?.kind ?? recognised ?? 'lvm2';
    const freeBytes = volume.lengthBytes - volume.usedBytes;
    if (freeBytes > 0) free.set(by, (free.get(by) ?? 0) + freeBytes);
  }
  const freeBytes = [...free.values()].reduce((sum, bytes) => sum + bytes, 0);
  const outsideBytes = Math.max(lengthBytes - usedBytes - freeBytes, 0);
  const dataBytes = Math.min(holds?.lengthBytes ?? 0, outsideBytes);
  const takenBytes = holds?.isUndecided ? 0 : dataBytes;
  const leftBytes = dataBytes - takenBytes;
  const last = volumes.at(-1);
  const piece: OutsideView = {
    place: 'behind-last',
    volume: '',
    startBytes: last ? last.startBytes + last.lengthBytes : 0,
    lengthBytes: outsideBytes,
    lookedBytes: Math.min(outsideBytes, 72 * 2 ** 20),
    takenBytes,
    zeroBytes: outsideBytes - dataBytes,
    leftBytes,
    names: holds?.names ?? [],
  };
  return {
    lengthBytes,
    capturedBytes: usedBytes + takenBytes,
    takenBytes,
    freeBytes,
    free: [...free].map(([by, bytes]) => ({ by, lengthBytes: bytes })),
    zeroBytes: piece.zeroBytes,
    leftBytes,
    outsideBytes,
    lookedBytes: piece.lookedBytes,
    outside: 'ask',
    isUndecided: leftBytes > 0,
    pieces: outsideBytes > 0 ? [piece] : [],
  };
}
