/** What becomes of volumes, chosen on their picture: dragged, moved by keys, typed; other programs say what is there afterwards. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { GPT, makeFiles, makeGptDisk, run } from './disks.ts';
import { expect, test } from './fixtures.ts';
import { judge } from './judge.ts';
import { captureFile, untilDone } from './steps.ts';

test.describe.configure({ mode: 'serial' });

/** Sectors of a partition, as sgdisk reads them. */
function sectorsOf(image: string, number: number) {
  const text = run('sgdisk', '-i', String(number), image);
  const [first, last] = ['First', 'Last'].map((word) => Number(new RegExp(`${word} sector: (\\d+)`).exec(text)?.[1]));
  return { first, count: last - first + 1 };
}

/** The file system in a partition, as its own programs see it. */
function checkExt4(image: string, number: number) {
  const { first, count } = sectorsOf(image, number);
  run('e2fsck', '-fn', `${image}?offset=${first * 512}`);
  const about = run('dumpe2fs', '-h', `${image}?offset=${first * 512}`);
  const [blocks, size] = ['Block count', 'Block size'].map((word) =>
    Number(new RegExp(`${word}: +(\\d+)`).exec(about)?.[1]),
  );
  return { partitionBytes: count * 512, fileSystemBytes: blocks * size };
}

const read = (image: string, path: string) =>
  execFileSync('debugfs', ['-R', `cat ${path}`, `${image}?offset=${GPT.rootStart}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });

test('on a larger target a volume is dragged, moved by keys and typed, and has that length afterwards', async ({
  app,
  pages,
  served,
  go,
}) => {
  const { deploy } = pages;
  const files = makeFiles(join(served.folder, 'files'));
  await captureFile(app, makeGptDisk(join(served.folder, 'lab.img'), files), 'Lab');
  await untilDone(app, /Captured/);
  const target = join(served.folder, 'larger.img');
  await go('/deploy');
  await deploy.chooseTemplate(/Lab/);
  await deploy.chooseFile(target);
  await deploy.type(deploy.size, '512 MiB');
  await deploy.next.click();
  // unasked, the last one that can takes what is there more
  await expect(deploy.volumes).toContainText(/168\sMB → 4\d\d\sMB/);
  await expect(deploy.volumes).toContainText(/by .*resize2fs/);
  const handle = deploy.handle('lab-root');
  const lengthOf = async () => Number(await handle.getAttribute('aria-valuenow'));
  const grown = await lengthOf();
  const settled = () => expect(app.getByText('Working out the plan')).toHaveCount(0);

  const { x, y, width, height } = (await handle.boundingBox())!;
  await app.mouse.move(x + width / 2, y + height / 2);
  await app.mouse.down();
  await app.mouse.move(x - 150, y + height / 2, { steps: 5 });
  const held = await lengthOf();
  expect(held).toBeLessThan(grown);
  await app.mouse.up();
  // what was dragged is what is planned
  await expect(deploy.volumeChoice('lab-root')).toContainText('This size');
  await settled();
  await expect.poll(lengthOf).toBeGreaterThanOrEqual(held);
  expect(await lengthOf()).toBeLessThan(held + 4096);

  await handle.focus();
  await app.keyboard.press('ArrowLeft');
  await app.keyboard.press('PageDown');
  await expect.poll(lengthOf).toBeLessThan(held);
  await judge(app, 'volumes');

  await deploy.type(deploy.volumeSize('lab-root'), '10 kB');
  await expect(deploy.volumes).toContainText('cannot become as small as');
  await deploy.type(deploy.volumeSize('lab-root'), '300 MiB');
  await expect(deploy.volumes).toContainText('314,572,800 bytes');
  await deploy.next.click();
  await deploy.seePlan.click();
  await expect(app.locator('.part')).toContainText(/168\sMB → 315\sMB/);
  await deploy.start.click();
  await untilDone(app, /Deployed/);
  expect(checkExt4(target, 2)).toEqual({ partitionBytes: 300 * 2 ** 20, fileSystemBytes: 300 * 2 ** 20 });
  // swap stands behind it
  expect(sectorsOf(target, 3)).toEqual({ first: (GPT.rootStart + 300 * 2 ** 20) / 512, count: 32_768 });
  expect(read(target, '/docs/été.txt').equals(read(join(served.folder, 'lab.img'), '/docs/été.txt'))).toBe(true);
});

test('one choice for targets of different sizes: each says what comes of it there', async ({
  app,
  pages,
  served,
  go,
}) => {
  const { deploy } = pages;
  await go('/deploy');
  await deploy.chooseTemplate(/Lab/);
  for (const [i, size] of ['512 MiB', '150 MiB', '40 MiB'].entries()) {
    if (i > 0) await deploy.add.click();
    await deploy.chooseFile(join(served.folder, `room-${i}.img`));
    await deploy.type(deploy.size, size);
  }
  await deploy.next.click();
  const rows = deploy.byTarget.getByRole('row');
  await expect(rows).toHaveCount(4);
  await expect(rows.nth(1)).toContainText(/537\sMB.*4\d\d\sMB/);
  await expect(rows.nth(2)).toContainText(/157\sMB.*1[0-6]\d\sMB/);
  await expect(rows.nth(3)).toContainText('too small');
  await judge(app, 'volumes of several targets');
  await deploy.exact.check();
  await expect(deploy.handles).toHaveCount(0);
  await expect(rows.nth(1)).toContainText('Every volume keeps its size.');
  await expect(rows.nth(2)).toContainText('too small');
});
