/** Who may not open disks captures and deploys to them all the same: polkit is asked for the rights, and the person's catalog stays theirs. */
import { chownSync, copyFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { commandLine, main } from '../../support/command-line.ts';
import { makeExt4, place } from '../../support/disks.ts';
import { hasPolkit, startOwnPolkit, testPerson, type OwnPolkit } from '../../support/own-polkit.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const canRun = canLoop && hasPolkit;
if (!canRun) console.warn('SKIPPED: rights that are asked for need root, pkexec, polkitd and dbus-daemon');

const ada = canRun ? testPerson(bench, 'ada', 47_120) : null!;
const bob = canRun ? testPerson(bench, 'bob', 47_121) : null!;
const notTheirs = (home: string, uid: number) => run('find', home, '-not', '-uid', String(uid));

/** A partition with ext4 on a disk of that length. */
function makeDisk(name: string, lengthBytes: number): string {
  const image = bench.file(name, lengthBytes);
  run('sgdisk', '-o', '-n', '1:2048:+30M', image);
  place(makeExt4(bench, `${name}.part`, 30 * MIB), image, MIB);
  return image;
}

describe.skipIf(!canRun)('a person without rights', () => {
  let polkit: OwnPolkit;
  let adas: ReturnType<typeof commandLine>;
  let bobs: ReturnType<typeof commandLine>;
  beforeAll(async () => {
    polkit = await startOwnPolkit(bench, [ada, bob], ada);
    const of = (person: typeof ada) => {
      const { through, env } = polkit.as(person);
      return commandLine(null, env, through);
    };
    [adas, bobs] = [of(ada), of(bob)];
  });

  test('captures a disk, and deploys it to a larger one whose file system grows', async () => {
    const source = makeDisk('source.img', 34 * MIB);
    const disk = bench.attach(source);
    const captured = await adas('--json', 'capture', disk, '--name', 'one');
    expect(captured, captured.out + captured.err).toMatchObject({ code: 0 });
    expect(notTheirs(ada.home, ada.uid)).toBe('');

    const larger = bench.file('larger.img', 80 * MIB, 0x55);
    const target = bench.attach(larger);
    const deployed = await adas('--json', 'deploy', 'one', target, '--confirm', target);
    expect(deployed, deployed.out + deployed.err).toMatchObject({ code: 0 });
    // what was written over it was seen on the way
    expect(deployed.out).toContain('"progress"');
    expect(notTheirs(ada.home, ada.uid)).toBe('');
    bench.detach(target);
    expect(run('sgdisk', '-v', larger)).toContain('No problems found');
    const part = bench.file('grown.part', 0);
    run('dd', `if=${larger}`, `of=${part}`, 'bs=1M', 'skip=1', 'count=78', 'status=none');
    run('e2fsck', '-f', '-n', part);
    expect(Number(/Block count: +(\d+)/.exec(run('dumpe2fs', '-h', part))?.[1]) * 1024).toBeGreaterThan(70 * MIB);

    expect(await adas('verify')).toMatchObject({ code: 0 });
    expect(await adas('delete', 'one')).toMatchObject({ code: 0 });
  });

  test('who is not given them is told so, with the command that has them; nothing was begun', async () => {
    const image = makeExt4(bench, 'bobs.img', 16 * MIB);
    copyFileSync(image, `${bob.home}/own.img`);
    chownSync(`${bob.home}/own.img`, bob.uid, bob.uid);
    expect(await bobs('capture', `${bob.home}/own.img`, '--name', 'own')).toMatchObject({ code: 0 });
    const target = bench.attach(bench.file('bobs-target.img', 16 * MIB, 0x33));
    const deployed = await bobs('deploy', 'own', target, '--confirm', target);
    expect(deployed, deployed.err).toMatchObject({ code: 6 });
    expect(deployed.err).toContain('RIGHTS_REFUSED');
    expect(deployed.err).toMatch(new RegExp(`sudo \\S+ \\S+cli\\.\\w+ .*deploy own ${target} --confirm ${target}`));
    expect(run('cmp', '-n', String(16 * MIB), bench.path('bobs-target.img'), bench.file('same', 16 * MIB, 0x33))).toBe(
      '',
    );
    const read = await bobs('inspect', target);
    expect(read).toMatchObject({ code: 6 });
    expect(read.err).toContain('RIGHTS_REFUSED');
  });

  test('a request that is declined is no failure', async () => {
    // what pkexec(1) says of who closes the dialogue, which needs a desktop
    const declines = bench.path('declines');
    writeFileSync(declines, '#!/bin/sh\nexit 126\n', { mode: 0o755 });
    const own = await startOwnPolkit(bench, [], ada, [`mount --bind '${declines}' /usr/bin/pkexec`]);
    const { through, env } = own.as(bob);
    const target = bench.attach(bench.file('declined.img', 16 * MIB));
    const deployed = await commandLine(null, env, through)('--json', 'deploy', 'own', target, '--confirm', target);
    expect(deployed, deployed.out + deployed.err).toMatchObject({ code: 130 });
    expect((await commandLine(null, env, through)('--json', 'jobs')).out).toContain('"outcome":"aborted"');
    expect(deployed.out).toContain('RIGHTS_DISMISSED');
  });

  test('the policy that comes with it is one of polkit’s, for this very program', async () => {
    const actions = '/usr/share/polkit-1/actions';
    const policy = join(import.meta.dirname, '../../../resources/org.diskpress.helper.policy');
    const paths = [
      ['/opt/diskpress/node_modules/node/bin/node', process.execPath],
      ['/opt/diskpress/out/main', dirname(main)],
    ];
    const own = await startOwnPolkit(
      bench,
      [ada, bob],
      bob,
      [
        `cp -a ${actions} '${bench.path('actions')}'`,
        `sed '${paths.map(([from, to]) => `s|${from}|${to}|`).join('; ')}' '${policy}' > '${bench.path('actions')}/org.diskpress.helper.policy'`,
        `mount --bind '${bench.path('actions')}' ${actions}`,
      ],
      'org.diskpress.helper',
    );
    const { through, env } = own.as(bob);
    const disk = bench.attach(bench.file('by-policy.img', 16 * MIB));
    const read = await commandLine(null, env, through)('inspect', disk);
    expect(read, read.err).toMatchObject({ code: 0 });
  });

  test('without a display nobody is asked: the command is told', async () => {
    const { through, env } = polkit.as(ada);
    const { DISPLAY: _, ...without } = env;
    const disk = bench.attach(bench.file('dark.img', 16 * MIB));
    const read = await commandLine(null, without, through)('inspect', disk);
    expect(read).toMatchObject({ code: 6 });
    expect(read.err).toMatch(/PERMISSION_DENIED/);
    expect(read.err).toMatch(new RegExp(`sudo .*inspect ${disk}`));
  });
});
