/** Disks that do not do what they say: nbdkit is each of them. Each is named and does not look finished, and the others of its job are whole. */
import { statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JobView } from '../../src-engine/contract/job.contract.ts';
import { commandLine, lastLine, type Ended } from '../support/command-line.ts';
import { makeGptDisk } from '../support/disks.ts';
import { openEngine, resultOf } from '../support/engine.ts';
import { canFail, faultyDevice } from '../support/failing-file.ts';
import { expectSoundGpt, recognised } from '../support/judges.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

/** From there on they fail: in the middle of ext4. */
const BAD_BYTES = 30 * MIB;
const isBad = `[ $(($4+$3)) -gt ${BAD_BYTES} ]`;

const FAULTS: [what: string, write: string, code: RegExp][] = [
  ['ends with an error of writing', `if ${isBad}; then echo EIO bad >&2; exit 1; fi;`, /^WRITE_FAILED$/],
  ['is shorter than it says', `if ${isBad}; then echo ENOSPC full >&2; exit 1; fi;`, /^WRITE_FAILED$/],
  ['is gone in the middle', `if ${isBad}; then kill -9 $PPID; fi;`, /^(WRITE|READ)_FAILED$/],
  ['forgets what it has taken', `if ${isBad}; then exec cat > /dev/null; fi;`, /^VERIFY_MISMATCH$/],
  // as cards do that say that they are larger than they are
  ['begins again at its start', `at=$(($4 % ${BAD_BYTES}));`, /^VERIFY_MISMATCH$/],
  ['keeps other bytes', "tr '\\141' '\\142' |", /^VERIFY_MISMATCH$/],
];

const bench = workbench();
const catalog = bench.path('catalog');
const good = bench.path('good.img');
const imageOf = (what: string) => bench.path(`${what}.img`);
const faulty = new Map<string, string>();
let ended: Ended;
let parts: JobView['parts'];

describe.skipIf(!canLoop || !canFail)('of the disks of one deploy one', () => {
  beforeAll(async () => {
    const engine = await openEngine(catalog);
    const { path } = makeGptDisk(bench, 'gpt.img');
    resultOf(await engine.capture(path, 'gpt'));
    await engine.close();
    for (const [what, write] of FAULTS) {
      const image = bench.file(`${what}.img`, statSync(path).size, 0xff);
      faulty.set(what, await faultyDevice(bench, image, write));
    }
    const devices = [...faulty.values()];
    const confirmed = devices.flatMap((device) => ['--confirm', device]);
    const diskpress = commandLine(catalog);
    ended = await diskpress('--json', 'deploy', 'gpt', ...devices, good, '--identity', 'keep', ...confirmed);
    [{ parts }] = lastLine(await diskpress('--json', 'jobs')).value as JobView[];
  });
  afterAll(() => faulty.forEach((device) => bench.detach(device)));

  test.each(FAULTS)('%s: named by its fault, and nothing looks finished', (what, _, code) => {
    const part = parts.find(({ path }) => path === faulty.get(what))!;
    expect(part).toMatchObject({ outcome: 'failed', error: { code: expect.stringMatching(code) } });
    expect(part.error!.data.path).toBe(faulty.get(what));
    expect(recognised(imageOf(what))).toBe('');
  });

  test('is sound: it is whole, and the others are named by the command', () => {
    expect(lastLine(ended).error).toMatchObject({
      code: 'PARTS_FAILED',
      data: { failed: [...faulty.values()], done: [good] },
    });
    expect(ended.code).toBe(9);
    expectSoundGpt(good);
    run('cmp', good, bench.path('gpt.img'), '-n', '17408');
  });
});
