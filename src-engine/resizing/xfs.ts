/**
 * XFS grows while it is mounted, by xfs_growfs, and never shrinks: a shorter one is made anew as the old one was, with its UUID and label, and
 * its files are copied.
 */
import { LOOP_TOOLS } from '../tools/loop-device.ts';
import { toolsToMount, withMountedDevice } from '../tools/mounted-device.ts';
import { onLoopDevice } from './piece.ts';
import { COPY_TOOLS, copyFiles } from './copied-files.ts';
import type { Resizer, Way } from './resizer.port.ts';

const DEADLINE_MS = 60 * 60 * 1000;
/** mkfs.xfs makes nothing smaller (mkfs/xfs_mkfs.c, validate_supported). */
const LEAST_BYTES = 300 * 1024 * 1024;
/** A log, and what the groups keep for themselves. */
const ROOM_BYTES = 128 * 1024 * 1024;
const ROOM_SHARE = 0.15;

/** What mkfs.xfs is told of what xfs_growfs says of a file system: option, and its keys. */
const GEOMETRY: Readonly<Record<string, readonly string[]>> = {
  '-b': ['bsize'],
  '-s': ['sectsz'],
  '-i': ['isize', 'attr', 'projid32bit', 'sparse', 'nrext64', 'exchange'],
  '-m': ['crc', 'finobt', 'rmapbt', 'reflink', 'bigtime', 'inobtcount', 'metadir'],
  '-n': ['ftype', 'parent'],
  '-l': ['lazy-count'],
};
/** Where it is called otherwise there. */
const NAMES: Readonly<Record<string, string>> = { bsize: 'size', sectsz: 'size', isize: 'size' };
/** Beside what it had, where nothing but its sectors changes: a log of today is larger than one of then. */
const REMADE_ROOM_BYTES = 96 * 1024 * 1024;
const REMADE_SHARE = 0.03;

const MADE_ANEW: Way = {
  method: 'rebuilt',
  needsRoot: true,
  isMounted: true,
  tools: [...COPY_TOOLS, 'mkfs.xfs'],
};

export const xfsResizer: Resizer = {
  tools: ['xfs_growfs'],
  growing: [{ method: 'in-place', needsRoot: true, isMounted: true, tools: [...LOOP_TOOLS, ...toolsToMount('xfs')] }],
  shrinking: [MADE_ANEW],
  remaking: MADE_ANEW,
  // mounting replays the log
  toleratedWarnings: ['JOURNAL_NOT_CLEAN', 'FILESYSTEM_NOT_CLEAN'],

  async limits(_volume, _fileSystem, usedBytes) {
    const minimumBytes = Math.max(LEAST_BYTES, usedBytes + ROOM_BYTES + Math.ceil(usedBytes * ROOM_SHARE));
    return { minimumBytes, maximumBytes: Number.MAX_SAFE_INTEGER };
  },

  async remadeLimits(_volume, _fileSystem, usedBytes) {
    const minimumBytes = Math.max(LEAST_BYTES, usedBytes + REMADE_ROOM_BYTES + Math.ceil(usedBytes * REMADE_SHARE));
    return { minimumBytes, maximumBytes: Number.MAX_SAFE_INTEGER };
  },

  async resize(piece, { blockBytes }, toBytes, signal) {
    await onLoopDevice(piece, signal, (device) =>
      withMountedDevice('xfs', device, signal, async (mounts) => {
        const blocks = String(Math.floor(toBytes / blockBytes));
        await mounts.run('xfs_growfs', ['-D', blocks, mounts.folder], { deadlineMs: DEADLINE_MS });
      }),
    );
  },

  rebuild: (from, to, { uuid, label }, signal) =>
    copyFiles(from, to, { type: 'xfs', options: ['nouuid'] }, signal, async ({ mounts, oldPoint, newDevice }) => {
      const { stdout } = await mounts.run('xfs_growfs', ['-n', oldPoint]);
      const options = mkfsOptions(stdout.toString('utf8'), uuid, to.sectorBytes);
      const named = label === '' ? [] : ['-L', label];
      await mounts.run('mkfs.xfs', ['-q', '-f', '-K', ...options, ...named, newDevice], { deadlineMs: DEADLINE_MS });
    }),
};

/**
 * @param geometry as xfs_growfs -n tells it: `meta-data=… isize=512 …`
 * @param sectorBytes of the disk that it is to stand on: it writes nothing smaller
 */
function mkfsOptions(geometry: string, uuid: string, sectorBytes: number): string[] {
  const told = new Map(
    [...geometry.matchAll(/([\w-]+)=(\d+)/g)].map(([, key, value]) => [key, value]).reverse() as [string, string][],
  );
  for (const key of ['bsize', 'sectsz']) told.set(key, String(Math.max(Number(told.get(key) ?? 0), sectorBytes)));
  return Object.entries(GEOMETRY).flatMap(([option, keys]) => {
    const words = keys.filter((key) => told.has(key)).map((key) => `${NAMES[key] ?? key}=${told.get(key)}`);
    if (option === '-m') words.push(`uuid=${uuid}`);
    if (option === '-n' && told.get('ascii-ci') === '1') words.push('version=ci');
    return words.length > 0 ? [option, words.join(',')] : [];
  });
}
