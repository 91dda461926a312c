/** Of several targets each refusal and each failure says which: the path, and the disk of a template that has several; also later. */
import { rmSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { beforeAll, describe, expect, test } from 'vitest';
import { commandLine, lastLine } from '../support/command-line.ts';
import { makeNoiseDisk } from '../support/disks.ts';
import { storeTogether } from '../support/several-disks.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const catalog = bench.path('catalog');
const diskpress = commandLine(catalog);
const disks = [makeNoiseDisk(bench, 'first.img', 2 * MIB), makeNoiseDisk(bench, 'second.img', 3 * MIB)];
const free = bench.path('free.img');

beforeAll(() => storeTogether(catalog, disks, 'pair'));

/** The second of two targets is the one that is refused. */
async function refused(target: string, ...options: string[]) {
  const [text, json] = await Promise.all([
    diskpress('deploy', 'pair', free, target, ...options),
    diskpress('--json', 'deploy', 'pair', free, target, ...options),
  ]);
  expect(text.code).toBe(json.code);
  return { text: text.err, error: lastLine(json).error, code: json.code };
}

describe('refusals', () => {
  test('of a file that is there, and of one that is too small', async () => {
    const there = bench.file('there.img', 3 * MIB);
    expect(await refused(there)).toMatchObject({
      code: 5,
      text: expect.stringContaining(`Disk 2: There is a file at ${there} already.`),
      error: { code: 'OVERWRITE_REQUIRED', data: { path: there, disk: 2 } },
    });
    const small = bench.file('small.img', MIB);
    expect(await refused(small, '--overwrite')).toMatchObject({
      code: 5,
      text: expect.stringContaining(`Disk 2: The target is too small: ${small} holds`),
      error: { code: 'TARGET_TOO_SMALL', data: { path: small, disk: 2, targetBytes: MIB } },
    });
  });

  test('of what a check forbids, which is said in words', async () => {
    const target = bench.path('missing', 'x.img');
    const { text, error } = await refused(target);
    expect(error).toMatchObject({
      code: 'PLAN_BLOCKED',
      data: { path: target, disk: 2, check: 'TARGET_FOLDER_MISSING' },
    });
    expect(text).toContain(
      `Disk 2: A check or a rule forbids this job on ${target}.\nThe folder ${bench.path('missing')} does not exist.\n`,
    );
  });

  test.skipIf(!canLoop)('of a device that nobody confirmed, or not by its name', async () => {
    const device = bench.attach(bench.file('device.img', 3 * MIB));
    const named = { path: device, disk: 2 };
    expect(await refused(device)).toMatchObject({
      text: expect.stringMatching(new RegExp(`Disk 2: The target ${device} .*has to be confirmed`)),
      error: { code: 'CONFIRM_REQUIRED', data: named },
    });
    expect(await refused(device, '--confirm', 'WD-42')).toMatchObject({
      text: expect.stringMatching(new RegExp(`Disk 2: “WD-42” does not name the target ${device}`)),
      error: { code: 'CONFIRM_MISMATCH', data: { ...named, confirm: 'WD-42' } },
    });
    // a word for one device is none for the other
    const other = bench.attach(bench.file('other.img', 2 * MIB));
    const both = await diskpress('--json', 'deploy', 'pair', other, device, '--confirm', other);
    expect(lastLine(both).error).toMatchObject({ code: 'CONFIRM_REQUIRED', data: named });
    bench.detach(device);
    bench.detach(other);
  });
});

describe.skipIf(!canLoop)('what failed', () => {
  let bad: string;
  beforeAll(async () => {
    const point = bench.path('no-room');
    run('mkdir', point);
    run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', point);
    bench.atEnd(() => run('umount', point));
    const image = `${point}/disk.img`;
    run('truncate', '-s', String(statSync(disks[1]).size), image);
    bad = bench.attach(image);
    rmSync(free, { force: true });
    expect((await diskpress('deploy', 'pair', free, bad, '--confirm', bad)).code).not.toBe(0);
  });

  test('is listed with its reason, target by target', async () => {
    const { out } = await diskpress('jobs');
    expect(out).not.toMatch(/PARTS_FAILED|WRITE_FAILED|DISK_FULL/);
    expect(out).toMatch(new RegExp(`These parts failed: ${bad}\\.\n  ${free}: Done\n  ${bad}: Disk 2: .*${bad}.*\n`));
  });

  test('stands in the log: who, what, which target, why', async () => {
    const { out } = await diskpress('log');
    expect(out).toMatch(new RegExp(`${userInfo().username} +Deploy: failed +pair +${bad}: Disk 2: .*${bad}`));
    const entries = lastLine(await diskpress('--json', 'log')).value as { action: string; data: object }[];
    const failed = entries.filter(({ action }) => action === 'job.failed');
    expect(failed).toMatchObject([
      {
        subject: 'pair',
        data: { job: 'deploy', place: bad, disk: 2, error: expect.stringMatching(/FAILED|FULL|MISMATCH/) },
      },
    ]);
    expect(entries.map(({ action }) => action)).toContain('template.deployed');
    const french = (await diskpress('--lang', 'fr', 'log')).out;
    expect(french).toContain('Déploiement\u202f: échec');
  });
});
