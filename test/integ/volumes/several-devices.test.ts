/** A file system over several devices, of which one is on the disk: told by name, captured whole. */
import { expect, test } from 'vitest';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { inspectDisk } from '../../../src-engine/inspection/disk-inspection.ts';
import { proves } from '../../support/matrix.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const LENGTH = 128 * MIB;

test('btrfs over three devices', async (context) => {
  proves(context, {
    subject: 'Btrfs',
    feature: 'several devices (refused)',
    aspect: 'used blocks',
    judge: 'mkfs.btrfs',
  });
  const images = ['first', 'second', 'third'].map((name) => bench.file(name, LENGTH));
  run('mkfs.btrfs', '-q', '-d', 'single', '-m', 'raid1', ...images);
  for (const image of images) {
    const source = await openFileSource(image);
    const { view } = await inspectDisk(source, new AbortController().signal);
    await source.close();
    expect(view.volumes).toMatchObject([
      {
        fileSystem: null,
        recognised: 'btrfs',
        captureAs: 'whole',
        usedBytes: LENGTH,
        warnings: [{ code: 'SEVERAL_DEVICES', data: { volume: 1, devices: 3 } }],
      },
    ]);
  }
});
