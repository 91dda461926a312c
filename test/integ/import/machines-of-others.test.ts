/** OVF machines as other programs write them: names with escapes, disks that are packed or cut, files that are missing. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { beforeEach, expect, test } from 'vitest';
import { noise } from '../../support/disks.ts';
import { commandLine } from '../../support/command-line.ts';
import { openEngine, refusal, resultOf } from '../../support/engine.ts';
import { importFrom } from '../../support/transfer.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const engine = await openEngine(bench.path('catalog'));
bench.atEnd(() => engine.close());

const raw = bench.file('disk.img', 8 * MIB);
run('mke2fs', '-q', '-F', '-t', 'ext4', raw);
writeFileSync(bench.path('noise'), noise('in the disk', 900_000));
run('debugfs', '-w', '-R', `write ${bench.path('noise')} noise`, raw);
const vmdk = bench.path('disk.vmdk');
run('qemu-img', 'convert', '-O', 'vmdk', '-o', 'subformat=streamOptimized', raw, vmdk);
const folder = bench.path('machine');
const at = (name: string) => `${folder}/${name}`;

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
});

interface FileOf {
  readonly href: string;
  readonly more?: string;
}

/** DSP0243, annex A: a machine with these files as disks. */
function descriptor(...files: FileOf[]): string {
  const ns = 'xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"';
  const references = files.map(({ href, more = '' }, i) => `<File ovf:id="f${i}" ovf:href="${href}" ${more}/>`);
  const disks = files.map((_, i) => `<Disk ovf:diskId="d${i}" ovf:fileRef="f${i}" ovf:capacity="${8 * MIB}"/>`);
  return `<?xml version="1.0"?><Envelope ${ns}><References>${references.join('')}</References><DiskSection><Info/>${disks.join('')}</DiskSection><VirtualSystem ovf:id="m"><Info/><Name>m</Name></VirtualSystem></Envelope>`;
}

function manifest(kind: string, end = '\n'): void {
  const line = (name: string) => {
    const sum = createHash(kind)
      .update(readFileSync(at(name)))
      .digest('hex')
      .toUpperCase();
    return `${kind.toUpperCase()}(${name}) = ${sum}${end}`;
  };
  writeFileSync(at('m.mf'), readdirSync(folder).map(line).join(''));
}

/** Beside each other, and as an OVA. */
async function expectDisk(name: string, entry: string | null = null): Promise<void> {
  run(
    'tar',
    '--format=ustar',
    '-cf',
    bench.path('m.ova'),
    '-C',
    folder,
    'm.ovf',
    ...readdirSync(folder).filter((one) => one !== 'm.ovf'),
  );
  for (const path of [at('m.ovf'), bench.path('m.ova')]) {
    const job = await importFrom(engine, path, name, entry ? { entry } : {});
    resultOf(job);
    expect(job.warnings, path).toEqual([]);
    const out = bench.path('out');
    rmSync(out, { force: true });
    resultOf(await engine.deploy(name, out));
    run('e2fsck', '-fn', out);
    run('debugfs', '-R', `dump noise ${bench.path('dumped')}`, out);
    expect(readFileSync(bench.path('dumped')).equals(readFileSync(bench.path('noise')))).toBe(true);
  }
}

test.each([
  ['escaped in the descriptor', 'my%20disk%201.vmdk', 'my disk 1.vmdk'],
  ['escaped in the descriptor and on the disk', 'my%20disk.vmdk', 'my%20disk.vmdk'],
  ['with a sign that only looks like an escape', '100%.vmdk', '100%.vmdk'],
  ['as entities', 'a &amp; b.vmdk', 'a & b.vmdk'],
])('a name %s', async (what, href, name) => {
  copyFileSync(vmdk, at(name));
  writeFileSync(at('m.ovf'), descriptor({ href }));
  manifest('sha256', '\r\n');
  await expectDisk(what);
});

test.each(['sha1', 'sha384', 'sha512'])('capital letters and %s', async (kind) => {
  copyFileSync(vmdk, at('d.vmdk'));
  writeFileSync(at('m.ovf'), descriptor({ href: 'd.vmdk' }));
  manifest(kind);
  await expectDisk(kind);
});

test('a disk that is packed', async () => {
  execFileSync('sh', ['-c', `gzip -c ${vmdk} > ${at('d.vmdk.gz')}`]);
  writeFileSync(at('m.ovf'), descriptor({ href: 'd.vmdk.gz', more: 'ovf:compression="gzip"' }));
  manifest('sha256');
  await expectDisk('packed');
  writeFileSync(at('m.ovf'), descriptor({ href: 'd.vmdk.gz', more: 'ovf:compression="x-best"' }));
  const { code, data } = await refusal(importFrom(engine, at('m.ovf'), 'other'));
  expect([code, data.feature]).toEqual(['FORMAT_UNSUPPORTED', 'OVF compression x-best']);
});

test('a disk that is cut into chunks, packed or not; one that is missing or of another length is named', async () => {
  for (const more of ['', 'ovf:compression="gzip"']) {
    const whole = bench.path('whole');
    execFileSync('sh', ['-c', more ? `gzip -c ${vmdk} > ${whole}` : `cp ${vmdk} ${whole}`]);
    const { length } = readFileSync(whole);
    run('split', '-b', '300000', '-d', '-a', '9', whole, at('big disk.vmdk.'));
    const size = `ovf:size="${length}" ovf:chunkSize="300000"`;
    writeFileSync(at('m.ovf'), descriptor({ href: 'big%20disk.vmdk', more: `${size} ${more}` }));
    manifest('sha256');
    await expectDisk(`chunks ${more ? 'packed' : 'plain'}`);
    rmSync(at('m.mf'));
  }
  const chunk = at('big disk.vmdk.000000001');
  const bytes = readFileSync(chunk);
  writeFileSync(chunk, bytes.subarray(1));
  const failed = () => refusal(importFrom(engine, at('m.ovf'), 'cut'));
  expect(await failed()).toMatchObject({
    code: 'FORMAT_INVALID',
    data: { path: 'big disk.vmdk.000000001', field: 'chunkSize' },
  });
  rmSync(chunk);
  expect(await failed()).toMatchObject({
    code: 'FILE_MISSING',
    data: { path: expect.stringContaining('big disk.vmdk.000000001') },
  });
});

test('a chunk that was changed is found by its sum', async () => {
  const { length } = readFileSync(vmdk);
  run('split', '-b', '300000', '-d', '-a', '9', vmdk, at('d.vmdk.'));
  writeFileSync(at('m.ovf'), descriptor({ href: 'd.vmdk', more: `ovf:size="${length}" ovf:chunkSize="300000"` }));
  manifest('sha256');
  const bytes = readFileSync(at('d.vmdk.000000002'));
  bytes[7] ^= 1;
  writeFileSync(at('d.vmdk.000000002'), bytes);
  expect((await importFrom(engine, at('m.ovf'), 'changed')).error).toMatchObject({
    code: 'FORMAT_INVALID',
    data: { field: 'checksum', path: 'd.vmdk.000000002' },
  });
});

test('of several disks one can be chosen; a file that is named and not there is told by its name', async () => {
  copyFileSync(vmdk, at('second.vmdk'));
  writeFileSync(at('m.ovf'), descriptor({ href: 'first%201.vmdk' }, { href: 'second.vmdk' }));
  manifest('sha256');
  const both = await refusal(importFrom(engine, at('m.ovf'), 'which'));
  expect(both).toMatchObject({
    code: 'FILE_MISSING',
    data: { path: expect.stringContaining('first 1.vmdk'), disk: 1 },
  });
  const other = await refusal(importFrom(engine, at('m.ovf'), 'which', { entry: 'third.vmdk' }));
  expect(other).toMatchObject({ code: 'IMAGE_CHOICE_REQUIRED', data: { names: ['first 1.vmdk', 'second.vmdk'] } });
  await expectDisk('second', 'second.vmdk');
  const missing = await refusal(importFrom(engine, at('m.ovf'), 'first', { entry: 'first 1.vmdk' }));
  expect(missing).toMatchObject({ code: 'FILE_MISSING', data: { path: expect.stringContaining('first 1.vmdk') } });
  writeFileSync(at('m.ovf'), descriptor({ href: 'a.vmdk' }).replace('<File ovf:id="f0"', '<File ovf:id="g"'));
  expect(await refusal(importFrom(engine, at('m.ovf'), 'none'))).toMatchObject({
    code: 'FORMAT_INVALID',
    data: { field: 'fileRef', value: 'f0' },
  });
});

test('files without a line in the manifest are told', async () => {
  copyFileSync(vmdk, at('d.vmdk'));
  writeFileSync(at('m.ovf'), descriptor({ href: 'd.vmdk' }));
  writeFileSync(
    at('m.mf'),
    `SHA256(m.ovf)= ${createHash('sha256')
      .update(readFileSync(at('m.ovf')))
      .digest('hex')}\n`,
  );
  const told = { code: 'IMAGE_SUMS_NOT_CHECKED', data: { path: 'd.vmdk' } };
  const planned = await engine.client.call('import.plan', { path: at('m.ovf'), name: 'no line' });
  expect(planned.image.warnings).toContainEqual(told);
  const { out } = await commandLine(bench.path('catalog'))('import', at('m.ovf'), '--look');
  expect(out).toContain('No checksum of d.vmdk was compared');
  const { warnings } = await importFrom(engine, at('m.ovf'), 'no line');
  expect(warnings).toEqual([told]);
});
