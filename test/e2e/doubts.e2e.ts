/** What is not as it should be, and how a person goes on: a disk that cannot be read everywhere, Windows that sleeps. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeNtfs, withNtfs3g } from '../support/ntfs.ts';
import { makeExt4, makeFiles, run } from './disks.ts';
import { expect, test } from './fixtures.ts';
import { judge } from './judge.ts';
import { captureFile, panel, untilDone } from './steps.ts';

test.describe.configure({ mode: 'serial' });

const canFail = ['nbdkit', 'nbdfuse'].every((tool) => existsSync(join('/usr/bin', tool)));
const isRoot = process.getuid?.() === 0;
if (!canFail) console.warn('SKIPPED: a disk with bad sectors is not tested: nbdkit and nbdfuse are not installed');
if (!isRoot) console.warn('SKIPPED: Windows that sleeps is not tested: ntfs-3g needs root');

test.describe('a disk with a bad sector', () => {
  test.skip(!canFail, 'nbdkit and nbdfuse are not installed');
  let failing: { folder: string; server: ChildProcess } | null = null;

  test.afterAll(() => {
    if (!failing) return;
    run('fusermount', '-u', failing.folder);
    failing.server.kill();
  });

  /** A file that answers EIO for one sector, as a failing disk does. */
  async function makeFailing(image: string, folder: string, offset: number): Promise<string> {
    mkdirSync(folder);
    const script = [
      `if [ $4 -lt ${offset + 512} ] && [ $(($4+$3)) -gt ${offset} ]; then echo EIO bad sector >&2; exit 1; fi`,
      `exec dd if='${image}' skip=$4 count=$3 iflag=skip_bytes,count_bytes bs=1M 2>/dev/null`,
    ].join('; ');
    const path = join(folder, 'disk');
    const nbdkit = ['nbdkit', '-s', 'eval', `get_size=stat -Lc %s '${image}'`, `pread=${script}`];
    failing = { folder, server: spawn('nbdfuse', [path, '--command', ...nbdkit], { stdio: 'ignore' }) };
    await expect.poll(() => existsSync(path)).toBe(true);
    return path;
  }

  test('ends with the place, and goes on when asked: the template is marked and names the file', async ({
    app,
    served,
    pages,
  }) => {
    const image = makeExt4(join(served.folder, 'failing.img'), makeFiles(join(served.folder, 'files')));
    const block = Number(run('debugfs', '-R', 'bmap /numbers.bin 3', image).trim());
    const blockBytes = Number(/Block size:\s+(\d+)/.exec(run('dumpe2fs', '-h', image))?.[1]);
    const source = await makeFailing(image, join(served.folder, 'bad'), block * blockBytes);

    await captureFile(app, source, 'Failing disk');
    await expect(panel(app).getByText(/^Reading .* failed at/)).toBeVisible();
    await panel(app).getByRole('link', { name: 'Capture again, filling with zeros' }).click();
    await expect(pages.capture.imagePath).toHaveValue(source);
    await pages.capture.next.click();
    await expect(pages.capture.unreadable('fill')).toBeChecked();
    await pages.capture.seePlan.click();
    await pages.capture.start.click();

    await untilDone(app, /Captured/);
    await expect(panel(app).getByText('1 file is affected.')).toBeVisible();
    await panel(app).getByRole('link', { name: 'See which files' }).click();
    await expect(app.getByText('Version 1 is incomplete')).toBeVisible();
    await judge(app, 'damage');
    await app.getByRole('link', { name: '/numbers.bin' }).click();
    await expect(app.getByRole('tab', { name: 'Files' })).toHaveAttribute('aria-selected', 'true');
    await expect(
      app
        .getByRole('complementary', { name: 'File' })
        .getByText(/could not be read/)
        .first(),
    ).toBeVisible();
    await app.goto(`${served.origin}/#/catalog`);
    await expect(app.getByRole('row').filter({ hasText: 'Failing disk' }).getByText('Incomplete')).toBeVisible();
  });
});

test.describe('Windows that sleeps', () => {
  test.skip(!isRoot, 'ntfs-3g needs root');

  test('is captured only by who takes that upon themselves', async ({ app, served, pages }) => {
    const image = makeNtfs(join(served.folder, 'windows.img'), 24 * 2 ** 20, ['-L', 'Windows']);
    await withNtfs3g(image, '', (root) => writeFileSync(join(root, 'hiberfil.sys'), Buffer.alloc(8192, 'hibr')));
    await app.getByRole('link', { name: 'Capture a disk' }).first().click();
    await pages.capture.chooseFile(image);
    await pages.capture.next.click();
    await pages.capture.seePlan.click();

    await expect(pages.capture.blocked).toBeVisible();
    const start = pages.capture.start;
    const anyway = pages.capture.anyway;
    await expect(start).toBeDisabled();
    await expect(anyway).not.toBeChecked();
    await expect(anyway).toHaveAccessibleDescription(/A clone would resume/);
    await judge(app, 'override');

    await anyway.check();
    await expect(pages.capture.blocked).toHaveCount(0);
    await expect(start).toBeEnabled();
    await anyway.uncheck();
    await expect(start).toBeDisabled();
    await anyway.check();
    await start.click();
    await untilDone(app, /Captured/);
  });
});
