/** XFS that cannot be believed: captured whole, refused by name, or damaged. Against xfs_logprint and the kernel. */
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { proves } from '../../support/matrix.ts';
import { canLoop } from '../../support/workbench.ts';
import { emptyImage, MIB, noise, readUsed, run, scratchFolder } from './images.ts';
import { askXfsDb, makeXfs, mounted, setFeature } from './xfs-images.ts';

const folder = scratchFolder();
const subject = 'XFS';
const LENGTH = 64 * MIB;
const whole = (lengthBytes: number) => [{ startBytes: 0, lengthBytes }];

/** What xfs_logprint thinks: CLEAN or DIRTY. */
const logState = (image: string) =>
  /state: <(\w+)>/.exec(run('sh', ['-c', 'xfs_logprint -t "$1" 2>&1', 'sh', image]))?.[1];

function scatter(root: string, round = 0): void {
  for (let i = 0; i < 100; i++) writeFileSync(join(root, `file ${i}`), noise(`${round} ${i}`, (i % 9) * 3000));
  run('sh', ['-c', `rm -f "${root}"/*5 && sync -f "${root}"`]);
}

describe.skipIf(!canLoop)('a log that is not empty (needs root for loop mounts)', () => {
  const leave: Record<string, (image: string, copy: string) => Promise<void>> = {
    'that was shut down': async (image, copy) => {
      await mounted(folder, image, 'loop', (root) => {
        scatter(root);
        run('xfs_io', ['-x', '-c', 'shutdown -f', root]);
      });
      copyFileSync(image, copy);
    },
    'that lost its power': async (image, copy) => {
      await mounted(folder, image, 'loop', (root) => {
        scatter(root);
        copyFileSync(image, copy);
      });
    },
    'that was frozen': async (image, copy) => {
      await mounted(folder, image, 'loop', (root) => {
        scatter(root);
        run('fsfreeze', ['-f', root]);
        try {
          copyFileSync(image, copy);
        } finally {
          run('fsfreeze', ['-u', root]);
        }
      });
    },
  };

  test.for(Object.entries(leave))('of a file system %s: captured whole', async ([name, crash], context) => {
    const image = makeXfs(join(folder, 'image'), LENGTH, []);
    const copy = join(folder, 'copy');
    await crash(image, copy);
    expect(logState(copy)).toBe('DIRTY');
    const { fileSystem, extents } = await readUsed(copy);
    expect(fileSystem).toMatchObject({ captureAs: 'whole', warnings: [{ code: 'JOURNAL_NOT_CLEAN', data: {} }] });
    expect(extents).toEqual(whole(LENGTH));
    proves(context, { subject, feature: `${name}: captured whole`, aspect: 'used blocks', judge: 'xfs_logprint' });

    // Mounted once, it is believed again.
    await mounted(folder, copy, 'loop', () => {});
    expect(logState(copy)).toBe('CLEAN');
    expect((await readUsed(copy)).fileSystem).toMatchObject({ captureAs: 'used-blocks', warnings: [] });
  });

  test('is told from one that is, wherever its head is: mounted again and again', async () => {
    for (const args of [[], ['-l', 'su=32k']]) {
      const image = makeXfs(join(folder, 'rounds'), 48 * MIB, ['-d', 'agcount=1', ...args]);
      const heads = new Set<string>();
      for (let round = 0; round < 8; round++) {
        await mounted(folder, image, 'loop', (root) => {
          for (let turn = 0; turn <= round % 3; turn++) scatter(root, round + turn);
        });
        heads.add(/head: \d+/.exec(run('sh', ['-c', 'xfs_logprint -t "$1" 2>&1', 'sh', image]))![0]);
        expect((await readUsed(image)).fileSystem).toMatchObject({ captureAs: 'used-blocks', warnings: [] });
      }
      expect(heads.size).toBe(8);
    }
  });
});

describe('what is not certain is captured whole, and says why', () => {
  test('cut off at its end', async (context) => {
    const image = makeXfs(join(folder, 'cut'), LENGTH, []);
    truncateSync(image, 50 * MIB);
    const { fileSystem, extents } = await readUsed(image);
    expect(fileSystem).toMatchObject({
      captureAs: 'whole',
      warnings: [{ code: 'FILESYSTEM_TRUNCATED', data: { lengthBytes: LENGTH, volumeBytes: 50 * MIB } }],
    });
    expect(extents).toEqual(whole(50 * MIB));
    proves(context, { subject, feature: 'cut off: captured whole', aspect: 'used blocks', judge: 'mkfs.xfs' });
  });

  test('xfs_repair was asked for', async (context) => {
    const image = makeXfs(join(folder, 'repair'), LENGTH, []);
    setFeature(image, 'incompat', 0x10);
    expect(askXfsDb(image, 'version')).toContain('NEEDSREPAIR');
    const { fileSystem, extents } = await readUsed(image);
    expect(fileSystem).toMatchObject({ captureAs: 'whole', warnings: [{ code: 'FILESYSTEM_HAS_ERRORS', data: {} }] });
    expect(extents).toEqual(whole(LENGTH));
    proves(context, {
      subject,
      feature: 'xfs_repair asked for: captured whole',
      aspect: 'used blocks',
      judge: 'xfs_db',
    });
  });
});

describe('what is not read right is refused by its name', () => {
  const other = () => emptyImage(join(folder, 'other'), 64 * MIB);
  test.for<[string, () => string[], string]>([
    ['a log on another device', () => ['-l', `logdev=${other()}`], 'xfs external log'],
    ['a realtime device', () => ['-r', `rtdev=${other()}`], 'xfs realtime device'],
  ])('%s', async ([feature, args, name], context) => {
    const image = makeXfs(join(folder, 'two'), LENGTH, args());
    await expect(readUsed(image)).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED', data: { feature: name } });
    proves(context, { subject, feature: `${feature}: refused by name`, aspect: 'used blocks', judge: 'mkfs.xfs' });
  });

  test.for<['incompat' | 'roCompat', number, string]>([
    ['incompat', 0x100, 'xfs metadir'],
    ['incompat', 0x200, 'xfs zoned'],
    ['incompat', 0x40000000, 'xfs incompat 0x40000000'],
    ['roCompat', 0x10, 'xfs ro_compat 0x10'],
  ])('%s flag %i', async ([group, flag, name]) => {
    const image = makeXfs(join(folder, 'flag'), LENGTH, []);
    setFeature(image, group, flag);
    await expect(readUsed(image)).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED', data: { feature: name } });
  });
});

describe('damage never loses data', () => {
  let image: Buffer;
  beforeAll(() => {
    image = readFileSync(makeXfs(join(folder, 'sound'), LENGTH, ['-d', 'agcount=2']));
  });
  test.for<[string, number, object]>([
    ['superblock', 200, { checksum: 'superblock' }],
    ['header of the second group', LENGTH / 2 + 512 + 52, { checksum: 'agf' }],
    ['tree of free space', LENGTH / 2 + 4096 + 60, { checksum: 'bnobt' }],
  ])('%s', async ([_, at, data]) => {
    const bytes = Buffer.from(image);
    bytes[at] ^= 0x10;
    writeFileSync(join(folder, 'damaged'), bytes);
    await expect(readUsed(join(folder, 'damaged'))).rejects.toMatchObject({ code: 'FORMAT_INVALID', data });
  });

  test('a volume that begins at a later group is no file system of its own', async () => {
    writeFileSync(join(folder, 'later'), Buffer.concat([image.subarray(LENGTH / 2), image.subarray(0, LENGTH / 2)]));
    await expect(readUsed(join(folder, 'later'))).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
  });
});
