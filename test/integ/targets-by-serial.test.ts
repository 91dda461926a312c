/** Targets that are named by the serial numbers of attached disks, in a table or one by one. udev's database gives loop devices one, as lsblk reads it. */
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import type { DeployPlan } from '../../src-engine/contract/index.ts';
import { commandLine, lastLine } from '../support/command-line.ts';
import { makeGptDisk } from '../support/disks.ts';
import { expectSoundGpt } from '../support/judges.ts';
import { canLoop, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const diskpress = commandLine(bench.path('catalog'));
const UDEV = '/run/udev/data';
const SERIALS = ['DPT-1', 'DPT-2', 'DPT-2'];
let devices: string[];

describe.skipIf(!canLoop)('a serial number', () => {
  beforeAll(async () => {
    const { path } = makeGptDisk(bench, 'gpt.img');
    expect(await diskpress('capture', path, '--name', 'gpt')).toMatchObject({ code: 0 });
    mkdirSync(UDEV, { recursive: true });
    devices = SERIALS.map((serial, i) => {
      const device = bench.attach(bench.file(`disk${i}.img`, statSync(path).size));
      const record = `${UDEV}/b${run('lsblk', '-dno', 'MAJ:MIN', device).trim()}`;
      writeFileSync(record, `E:ID_SERIAL_SHORT=${serial}\n`);
      bench.atEnd(() => rmSync(record, { force: true }));
      expect(run('lsblk', '-dno', 'SERIAL', device).trim()).toBe(serial);
      return device;
    });
  });

  test('is the disk that has it, and what is no serial number is a file', async () => {
    const table = bench.path('targets.csv');
    const file = bench.path('DPT-1');
    writeFileSync(table, `target,hostname\nDPT-1,\n${file},\n`);
    const planned = await diskpress('--json', 'deploy', 'gpt', '--table', table, '--plan');
    const plans = planned.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).value as DeployPlan);
    expect(plans.map(({ target: { path } }) => path)).toEqual([devices[0], file]);
    const ended = await diskpress('deploy', 'gpt', 'DPT-1', '--identity', 'keep', '--confirm', 'DPT-1');
    expect(ended).toMatchObject({ code: 0 });
    expectSoundGpt(devices[0]);
    expect(existsSync('DPT-1')).toBe(false);
  });

  test('that two have is none, and both are named', async () => {
    const ended = await diskpress('--json', 'deploy', 'gpt', 'DPT-2', '--plan');
    expect(ended.code).toBe(2);
    expect(lastLine(ended).error).toMatchObject({ code: 'BAD_REQUEST', data: { disks: devices.slice(1).join(', ') } });
    const { err } = await diskpress('deploy', 'gpt', 'DPT-2', '--plan');
    expect(err).toContain(
      `DPT-2 is the serial number of several disks that are attached: ${devices[1]}, ${devices[2]}`,
    );
  });
});
