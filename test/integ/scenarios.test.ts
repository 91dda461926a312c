/** What the systems of templates promise, end to end through the command line, with phony guests. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import type { MachineProfile } from '../../src-engine/contract/machine.contract.ts';
import type { Report } from '../../src-engine/contract/report.contract.ts';
import { commandLine, lastLine, type Ended } from '../support/command-line.ts';
import { biosDisk, CENTOS_6, CENTOS_7, DEBIAN_13, uefiDisk } from '../support/phony-disks.ts';
import { serverProfile } from '../support/profiles.ts';
import { canLoop, MIB, workbench } from '../support/workbench.ts';

const bench = workbench();
const diskpress = commandLine(bench.path('catalog'));

/** Runs and demands that it went well. */
async function done(...args: string[]): Promise<Ended> {
  const ended = await diskpress(...args);
  expect(ended, `${args.join(' ')}: ${ended.err}`).toMatchObject({ code: 0 });
  return ended;
}

function profile(name: string, changes: Partial<MachineProfile>): string {
  const path = bench.path(`${name}.json`);
  writeFileSync(path, JSON.stringify(serverProfile({ name, ...changes })));
  return path;
}

/** What a check says, whether it blocks or not. */
async function checked(...args: string[]): Promise<{ code: number | null; report: Report }> {
  const ended = await diskpress('--json', 'check', ...args);
  const lines = ended.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const report = lines.find(({ kind, event }) => (kind ?? event) === 'report');
  expect(report, ended.out).toBeDefined();
  return { code: ended.code, report: report.value };
}

const blocks = ({ lines }: Report) => lines.filter(({ level }) => level === 'block').map(({ rule }) => rule);
const lineOf = ({ lines }: Report, rule: string) => lines.find((line) => line.rule === rule);

let debian: string;
let efi: string;
let centos6: string;
let centos7: string;

beforeAll(async () => {
  debian = biosDisk(bench, 'debian.img', DEBIAN_13);
  efi = uefiDisk(bench, 'efi.img', DEBIAN_13);
  centos6 = biosDisk(bench, 'centos6.img', CENTOS_6);
  centos7 = biosDisk(bench, 'centos7.img', CENTOS_7);
  await done('capture', debian, '--name', 'debian');
});

describe.skipIf(!canLoop)('a standard template', () => {
  test('goes onto no bare disk; the kinds that could are named', async () => {
    await done('capture', debian, '--name', 'vm', '--kind', 'standard');
    const disk = bench.attach(bench.file('bare.img', 8 * MIB));
    const ended = await diskpress('deploy', 'vm', disk, '--confirm', disk);
    expect(ended.code).toBe(5);
    expect(ended.err).toMatch(/^✗ Platform of the target: physical .*\[standard\.target-virtual\]$/m);
    expect(ended.err).toContain('A standard template is not compatible with bare metal.');
    expect(ended.err).toMatch(/^ {2}Lab +--kind lab/m);
    expect(ended.err).toMatch(/^PLAN_BLOCKED$/m);
    expect(readFileSync(bench.path('bare.img')).every((byte) => byte === 0)).toBe(true);
    const { code, report } = await checked('vm', '--target', disk);
    expect(code).toBe(5);
    expect(blocks(report)).toEqual(['standard.target-virtual']);
    expect(report.others.flatMap(({ kinds }) => kinds)).toContain('lab');
    expect((await checked('vm', '--target', disk, '--kind', 'lab')).code).toBe(0);
    await done('deploy', 'vm', bench.path('vm.img'));
  });
});

describe.skipIf(!canLoop)('a flex template', () => {
  test('of CentOS 6 goes from a file that stands for a virtual machine onto a disk', async () => {
    await done('capture', centos6, '--name', 'six', '--kind', 'flex');
    const image = bench.file('six-target.img', 8 * MIB);
    const disk = bench.attach(image);
    const options = ['--confirm', disk, '--override', 'end-of-life'];
    await done('deploy', 'six', disk, ...options);
    bench.detach(disk);
    const guest = lastLine(await done('--json', 'inspect', image)).value.guest;
    expect(guest).toMatchObject({ release: { value: 'centos-6' }, bootModes: { value: ['bios'] } });
    const inspected = await done('inspect', image);
    expect(inspected.out).toMatch(/^System +CentOS release 6\.10 \(Final\) x86_64$/m);
    expect(inspected.out).toMatch(/^End of life +2020-11-30/m);
  });

  test('of CentOS 7 is not supported yet', async () => {
    const ended = await diskpress('capture', centos7, '--name', 'seven', '--kind', 'flex');
    expect(ended.code).toBe(5);
    expect(ended.err).toMatch(/^✗ Operating system: centos-7 .*\[flex\.seven-not-yet\]$/m);
    expect(ended.err).toContain('are not supported yet.');
    expect(ended.err).toMatch(/--kind lab/);
    expect((await diskpress('show', 'seven')).code).toBe(3);
  });
});

describe('bare metal', () => {
  test('is blocked by a profile with RAID 5', async () => {
    const raid5 = profile('raid5', { arrays: [{ name: 'md0', kind: 'md', level: 'raid5', members: ['a', 'b', 'c'] }] });
    const { code, report } = await checked(centos7, '--kind', 'bare-metal', '--machine', raid5);
    expect(code).toBe(5);
    expect(blocks(report)).toEqual(['bm2020.raid-levels']);
    expect(lineOf(report, 'bm2020.raid-levels')).toMatchObject({ value: ['raid5'], origin: 'raid5, 2026-11-20' });
    const raid1 = profile('raid1', { arrays: [{ name: 'md0', kind: 'md', level: 'raid1', members: ['a'] }] });
    expect((await checked(centos7, '--kind', 'bare-metal', '--machine', raid1)).code).toBe(0);
  });

  test('of a UEFI image is blocked by a profile with BIOS: both are named', async () => {
    const bios = profile('bios', { firmware: 'bios' });
    await done('capture', efi, '--name', 'efi');
    const { out, code } = await diskpress('check', 'efi', '--kind', 'bare-metal', '--machine', bios);
    expect(code).toBe(5);
    expect(out).toMatch(/^✗ Boot modes of the image: UEFI; Firmware of the machine: BIOS \[bm2020\.firmware-match\]$/m);
    expect(out).toContain('BIOS images go onto BIOS machines, UEFI images onto UEFI machines.');
    expect(out).toMatch(/The same document says otherwise: bm2020\.no-uefi$/m);
    const { report } = await checked('efi', '--kind', 'bare-metal', '--machine', bios);
    expect(blocks(report)).toContain('bm2020.firmware-match');
    expect(lineOf(report, 'bm2020.no-uefi')).toMatchObject({ fact: 'machine.firmware', value: 'bios', level: 'pass' });
    const uefi = profile('uefi', { firmware: 'uefi' });
    const match = (await checked('efi', '--kind', 'bare-metal', '--machine', uefi)).report;
    expect(lineOf(match, 'bm2020.firmware-match')).toMatchObject({ level: 'pass', contradicts: ['bm2020.no-uefi'] });
    expect(blocks(match)).toContain('bm2020.no-uefi');
  });
});

describe('what holds for every kind', () => {
  test('past its end of life a system is refused, unless a person names the rule; the log keeps that', async () => {
    await done('capture', centos7, '--name', 'old');
    const target = bench.path('old-target.img');
    const refused = await diskpress('deploy', 'old', target);
    expect(refused.code).toBe(5);
    expect(refused.err).toContain('--override end-of-life');
    expect(() => statSync(target)).toThrow();
    const { err } = await done('deploy', 'old', target, '--override', 'end-of-life');
    expect(err).toMatch(/^! Operating system is past its end of life: yes .*A person took this upon themselves\./m);
    const log = lastLine(await done('--json', 'log')).value as { action: string; data: Record<string, unknown> }[];
    const written = log.find(({ data }) => JSON.stringify(data).includes('end-of-life'));
    expect(written).toMatchObject({ action: expect.stringContaining('deploy') });
  });

  test('a template under an own licence is never public', async () => {
    await done('edit', 'debian', '--licence', 'own');
    const refused = await diskpress('--json', 'edit', 'debian', '--visibility', 'public');
    expect(refused.code).toBe(4);
    expect(lastLine(refused).error.code).toBe('LICENCE_NOT_PUBLIC');
    expect((await done('show', 'debian')).out).toMatch(/Private\b/);
    const both = await diskpress('--json', 'edit', 'debian', '--licence', 'none', '--visibility', 'public');
    expect(both.code).toBe(0);
    const back = await diskpress('--json', 'edit', 'debian', '--licence', 'own');
    expect(lastLine(back).error.code).toBe('LICENCE_NOT_PUBLIC');
    await done('edit', 'debian', '--visibility', 'private');
  });

  test('a deprecated template only goes where it is already; a disabled one nowhere', async () => {
    const there = bench.path('there.img');
    const elsewhere = bench.path('elsewhere.img');
    await done('deploy', 'debian', there);
    await done('edit', 'debian', '--status', 'deprecated');
    const refused = await diskpress('deploy', 'debian', elsewhere);
    expect(refused.code).toBe(5);
    expect(refused.err).toMatch(/^✗ Status of the template: Deprecated|^✗ Status of the template: deprecated/m);
    expect(refused.err).toContain('[active-for-new]');
    await done('deploy', 'debian', there, '--overwrite');
    await done('edit', 'debian', '--status', 'disabled');
    for (const target of [there, elsewhere]) {
      const { code, err } = await diskpress('deploy', 'debian', target, '--overwrite');
      expect(code).toBe(5);
      expect(err).toMatch(/\[(active-for-new|deprecated-for-again)\]/);
    }
    await done('edit', 'debian', '--status', 'active');
  });

  test('what could not be told warns and never passes', async () => {
    const nothing = bench.file('nothing.img', MIB);
    const { code, report } = await checked(nothing, '--kind', 'flex');
    expect(code).toBe(0);
    expect(lineOf(report, 'flex.systems')).toMatchObject({ level: 'warn', value: null });
    expect(lineOf(report, 'flex.seven-not-yet')).toMatchObject({ level: 'warn', value: null });
    const { out } = await diskpress('check', nothing, '--kind', 'flex');
    expect(out).toMatch(/^\? What could not be told: .*Operating system/m);
    expect(out).toMatch(/^Allowed, with warnings$/m);
  });
});

describe("a lab's own policy", () => {
  const example = readFileSync(new URL('../../docs/policy-example.yaml', import.meta.url), 'utf8');

  test('counts where it is named; one with an error is refused with its line', async () => {
    const folder = bench.path('catalog', 'policies');
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/classroom.yaml`, example);
    writeFileSync(
      `${folder}/broken.yaml`,
      example.replace('id: classroom-7\n', 'id: broken\n').replace('atMost', 'almost'),
    );
    const listed = await done('policies');
    expect(listed.out).toMatch(/^classroom-7 +Classroom 7 +lab/m);
    expect(listed.out).toMatch(/^✗ The policy .*broken\.yaml has an error in line 14/m);
    expect((await done('policies', 'classroom-7')).out).toMatch(/^ {2}Largest disk: at most 256\sGB$/m);
    expect((await diskpress('check', 'debian', '--policy', 'broken')).code).not.toBe(0);
    const large = profile('large', { drives: [{ ...serverProfile().drives![0], lengthBytes: 1e12 }] });
    const named = await checked('debian', '--policy', 'classroom-7', '--machine', large);
    expect(blocks(named.report)).toContain('classroom-7.small-disks');
    expect((await checked('debian', '--machine', large)).code).toBe(0);
    await done('edit', 'debian', '--policy', 'classroom-7');
    expect(blocks((await checked('debian', '--machine', large)).report)).toContain('classroom-7.small-disks');
    await done('edit', 'debian', '--no-policy');
    expect((await checked('debian', '--machine', large)).code).toBe(0);
  });
});
