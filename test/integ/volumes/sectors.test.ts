/** Templates moved between disks with sectors of 512 and of 4096 bytes: judged by the kernel on loop devices of either kind. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DELETED_MARKER, LIVE_MARKER, makeExt4, makeTree, noise, place, type Part } from '../../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../../support/engine.ts';
import { expectSoundGpt, occurrences } from '../../support/judges.ts';
import { proves } from '../../support/matrix.ts';
import { canLoop, MIB, run, runWithInput, workbench } from '../../support/workbench.ts';
import { detachAll, lvmOn } from './lvm.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => {
  engine = await openEngine(bench.path('catalog'));
});
afterAll(() => engine.close());

const at = (mib: number, lengthMib: number): Part => ({ startBytes: mib * MIB, lengthBytes: lengthMib * MIB });

function device(name: string, lengthBytes: number, sectorBytes: number): string {
  return bench.attach(bench.file(name, lengthBytes, 0xff), '-b', String(sectorBytes));
}

/** A part of a disk as a device that counts in sectors of that size. */
function partOf(image: string, { startBytes, lengthBytes }: Part, sectorBytes: number): string {
  return bench.attach(image, '-b', String(sectorBytes), '-o', String(startBytes), '--sizelimit', String(lengthBytes));
}

async function planned(template: string, target: string) {
  const { checks, canRun, after } = await engine.client.call('deploy.plan', { template, target });
  const about = checks.filter(({ code }) => code.startsWith('SECTOR_SIZE') || code.startsWith('TARGET_TOO'));
  return { canRun, after, checks: about.map(({ code, level, data }) => ({ code, level, ...data })) };
}

/** Fills a mounted file system, and deletes part of it. */
function fill(what: string, options: string): void {
  const point = bench.mount(what, options);
  writeFileSync(join(point, 'living'), `${LIVE_MARKER}\n`.repeat(1000));
  writeFileSync(join(point, 'deleted'), `${DELETED_MARKER}\n`.repeat(5000));
  run('sync', '-f', point);
  rmSync(join(point, 'deleted'));
  bench.unmount(point);
}

function readLiving(what: string, options = 'ro'): string {
  const point = bench.mount(what, options);
  const living = readFileSync(join(point, 'living'), 'latin1');
  bench.unmount(point);
  return living;
}

const LIVING = `${LIVE_MARKER}\n`.repeat(1000);

describe.skipIf(!canLoop)('a GPT disk', () => {
  const PARTS = {
    esp: at(1, 36),
    ext4: at(37, 32),
    xfs: at(69, 40),
    btrfs: at(109, 112),
    swap: at(221, 4),
    lvm: at(225, 30),
    bios: at(255, 1),
  };
  const DISK_BYTES = 258 * MIB;
  const TYPES = { esp: 'ef00', ext4: '8300', xfs: '8300', btrfs: '8300', swap: '8200', lvm: '8e00', bios: 'ef02' };

  /** The disk with sectors of either size; xfs and FAT are made for sectors of `sectorBytes`. */
  function makeDisk(name: string, sectorBytes: number): string {
    const image = bench.file(name, DISK_BYTES);
    const whole = bench.attach(image, '-b', String(sectorBytes));
    const commands = Object.entries(PARTS).flatMap(([part, { startBytes, lengthBytes }], i) => {
      const typeId = TYPES[part as keyof typeof PARTS];
      return ['-n', `${i + 1}:${startBytes / MIB}M:+${lengthBytes / MIB}M`, '-t', `${i + 1}:${typeId}`];
    });
    run('sgdisk', ...commands, '-c', '1:system', whole);
    bench.detach(whole);

    const make = (part: Part, work: (path: string) => void) => {
      const path = partOf(image, part, sectorBytes);
      work(path);
      bench.detach(path);
    };
    place(makeExt4(bench, 'sectors.ext4', PARTS.ext4.lengthBytes, '-b', '4096'), image, PARTS.ext4.startBytes);
    make(PARTS.xfs, (path) => {
      run('mkfs.xfs', '-q', '--unsupported', '-s', 'size=4096', path);
      fill(path, 'rw');
    });
    make(PARTS.btrfs, (path) => {
      run('mkfs.btrfs', '-q', path);
      fill(path, 'rw');
    });
    make(PARTS.swap, (path) => void run('mkswap', path));
    makeEsp(image, sectorBytes);
    const lvm = lvmOn(bench, image, [PARTS.lvm], sectorBytes);
    lvm('vgcreate', '-y', '-s', '1M', 'lab', ...lvm.devices);
    lvm.create('-Wn', '-L', '16M', '-n', 'files', 'lab');
    lvm.fill('lab/files', makeExt4(bench, 'files.img', 16 * MIB, '-b', '4096'));
    detachAll(bench, lvm);
    writeFileSync(bench.path('core'), noise('boot code', MIB));
    place(bench.path('core'), image, PARTS.bios.startBytes);
    return image;
  }

  function makeEsp(image: string, sectorBytes: number): void {
    const part = bench.file('esp.part', PARTS.esp.lengthBytes);
    const tree = makeTree(bench, 'esp.tree', MIB);
    // clusters of 4 KiB, as a system partition of some size has them
    run('mkfs.vfat', '-F', '16', '-S', String(sectorBytes), '-s', String(4096 / sectorBytes), '-n', 'SYSTEM', part);
    run('mcopy', '-s', '-i', part, join(tree, 'deep'), join(tree, 'living'), '::');
    run('rm', '-r', tree);
    place(part, image, PARTS.esp.startBytes);
  }

  /** Everything on the deployed disk, as the kernel and the tools find it with the other sectors. */
  function judge(image: string, sectorBytes: number, original: string): void {
    const whole = bench.attach(image, '-b', String(sectorBytes));
    expectSoundGpt(whole);
    const table = run('sfdisk', '-d', whole);
    for (const { startBytes, lengthBytes } of Object.values(PARTS)) {
      expect(table).toMatch(new RegExp(`start= *${startBytes / sectorBytes}, size= *${lengthBytes / sectorBytes},`));
    }
    expect(table).toContain('name="system"');
    bench.detach(whole);

    const on = (part: Part, work: (path: string) => void) => {
      const path = partOf(image, part, sectorBytes);
      work(path);
      bench.detach(path);
    };
    on(PARTS.ext4, (path) => {
      run('e2fsck', '-fn', path);
      const point = bench.mount(path, 'ro,noload');
      expect(readFileSync(join(point, 'living'), 'latin1')).toContain(LIVE_MARKER);
      bench.unmount(point);
      // and writes
      bench.unmount(bench.mount(path, 'rw'));
    });
    on(PARTS.xfs, (path) => {
      run('xfs_repair', '-n', path);
      expect(readLiving(path, 'rw')).toBe(LIVING);
    });
    on(PARTS.btrfs, (path) => {
      run('btrfs', 'check', '--readonly', path);
      expect(readLiving(path, 'rw')).toBe(LIVING);
    });
    on(PARTS.swap, (path) => {
      expect(run('blkid', '-p', '-o', 'value', '-s', 'TYPE', path).trim()).toBe('swap');
    });
    on(PARTS.esp, (path) => {
      const words = run('fsck.vfat', '-nv', path);
      expect(words).toContain(`${sectorBytes} bytes per logical sector`);
      expect(words).not.toMatch(/differences|wrong|corrupt/i);
      expect(run('mdir', '-i', path, '::')).toContain('living');
      const trees = [path, bench.path('original.esp')].map((from, i) => {
        const tree = bench.path(`esp${i}.files`);
        run('rm', '-rf', tree);
        run('mkdir', tree);
        if (i === 1)
          run('dd', `if=${original}`, `of=${from}`, 'bs=1M', `skip=${PARTS.esp.startBytes / MIB}`, 'count=36');
        run('mcopy', '-s', '-i', from, '::', tree);
        return tree;
      });
      run('diff', '-r', ...trees);
    });
    const lvm = lvmOn(bench, image, [PARTS.lvm], sectorBytes);
    run('e2fsck', '-fn', lvm.cut('lab/files', image, [PARTS.lvm], bench.path('files.copy')));
    // and writes
    lvm('vgchange', '--addtag', 'moved', 'lab');
    detachAll(bench, lvm);
    expect(occurrences(image, DELETED_MARKER)).toBe(0);
  }

  test.each([
    [512, 4096],
    [4096, 512],
  ])('from sectors of %i to sectors of %i bytes', async (from, to) => {
    const image = makeDisk(`from${from}.img`, from);
    const source = bench.attach(image, '-b', String(from));
    resultOf(await engine.capture(source, `from ${from}`));
    bench.detach(source);

    // a longer disk too: the copy of the table goes to its end, and volumes keep their places
    const target = device(`to${to}.img`, DISK_BYTES + 20 * MIB, to);
    expect(await planned(`from ${from}`, target)).toMatchObject({
      canRun: true,
      after: { sectorBytes: to },
      checks: [{ code: 'SECTOR_SIZE_CONVERTED', level: 'warn', templateSectorBytes: from, targetSectorBytes: to }],
    });
    resultOf(await engine.deploy(`from ${from}`, target, { confirm: target, exact: true }));
    bench.detach(target);
    judge(bench.path(`to${to}.img`), to, image);
  });

  test('and back again, it is what it was', async (context) => {
    const features = ['GPT', 'ext4', 'XFS', 'btrfs', 'FAT16', 'swap', 'LVM2'];
    const judges = 'kernel, sgdisk, fsck';
    proves(
      context,
      ...features.map((feature) => ({ subject: '4Kn and 512e', feature, aspect: 'deploy' as const, judge: judges })),
    );
    const middle = bench.attach(bench.path('to4096.img'), '-b', '4096');
    resultOf(await engine.capture(middle, 'middle'));
    bench.detach(middle);
    const target = device('back.img', DISK_BYTES + 20 * MIB, 512);
    resultOf(await engine.deploy('middle', target, { confirm: target, exact: true }));
    bench.detach(target);
    judge(bench.path('back.img'), 512, bench.path('from512.img'));
  });

  test('an image file says by its table what sectors its disk had', async () => {
    resultOf(await engine.capture(bench.path('from4096.img'), 'image'));
    for (const [sectorBytes, code] of [
      [4096, 'SECTOR_SIZE_EQUAL'],
      [512, 'SECTOR_SIZE_CONVERTED'],
    ] as const) {
      const target = bench.attach(bench.file('image.target', DISK_BYTES), '-b', String(sectorBytes));
      expect(await planned('image', target)).toMatchObject({ canRun: true, checks: [{ code }] });
      bench.detach(target);
    }
    expect(await planned('image', bench.path('new.img'))).toMatchObject({ checks: [{ code: 'SECTOR_SIZE_EQUAL' }] });
  });
});

describe.skipIf(!canLoop)('a FAT32 on a bare disk', () => {
  test('there and back: boot sector, FSInfo and their copies are where they belong', async (context) => {
    proves(context, { subject: '4Kn and 512e', feature: 'FAT32', aspect: 'deploy', judge: 'fsck.vfat, mtools' });
    const image = bench.file('fat32.img', 300 * MIB);
    run('mkfs.vfat', '-F', '32', '-s', '8', '-n', 'SYSTEM', image);
    const tree = makeTree(bench, 'fat32.tree', MIB);
    run('mcopy', '-s', '-i', image, join(tree, 'deep'), join(tree, 'living'), '::');
    let from = image;
    for (const sectorBytes of [4096, 512]) {
      resultOf(await engine.capture(from, `fat32 ${sectorBytes}`));
      if (from !== image) bench.detach(from);
      const target = bench.attach(bench.file(`fat32.${sectorBytes}`, 300 * MIB), '-b', String(sectorBytes));
      resultOf(await engine.deploy(`fat32 ${sectorBytes}`, target, { confirm: target }));
      const words = run('fsck.vfat', '-nv', target);
      expect(words).toContain(`${sectorBytes} bytes per logical sector`);
      expect(words).toMatch(/Boot sector contents/);
      expect(words).not.toMatch(/differences|wrong|corrupt|backup boot sector/i);
      expect(run('minfo', '-i', target, '::')).toMatch(/Infosector:\nsignature=0x41615252/);
      for (const [path, name] of [
        [image, 'before'],
        [target, 'after'],
      ]) {
        run('mkdir', '-p', bench.path(name));
        run('mcopy', '-s', '-n', '-o', '-i', path, '::', bench.path(name));
      }
      run('diff', '-r', bench.path('before'), bench.path('after'));
      run('rm', '-r', bench.path('after'));
      from = target;
    }
    // the first sectors are what mkfs.vfat made, but for what nobody is told
    const [original, back] = [image, from].map((path) => run('fsck.vfat', '-nv', path).replaceAll(path, ''));
    expect(back).toBe(original);
    bench.detach(from);
  });
});

describe.skipIf(!canLoop)('what cannot be moved', () => {
  const luks = (sectorBytes: number) => (image: string) => {
    writeFileSync(bench.path('key'), 'open sesame');
    const options = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', '--sector-size', String(sectorBytes)];
    run('cryptsetup', 'luksFormat', '-q', '--key-file', bench.path('key'), ...options, image);
  };
  const MADE: [mib: number, make: (image: string) => unknown, reason: RegExp | null][] = [
    [8, (image) => run('mkfs.ext4', '-q', '-b', '1024', image), /blocks of 1024/],
    [40, (image) => run('mkfs.xfs', '-q', '--unsupported', '-s', 'size=512', image), /XFS .* 512/],
    [8, (image) => run('mkfs.exfat', image), /exFAT .* 512/],
    [8, (image) => run('mkfs.ntfs', '-F', '-q', image), /NTFS .* 512/],
    [40, (image) => run('mkfs.vfat', '-F', '32', '-s', '1', image), /FAT/],
    [2, (image) => run('mkfs.vfat', '-F', '12', '-s', '1', image), /FAT/],
    [2, (image) => writeFileSync(image, noise('n', 2 * MIB)), /nobody knows/],
    [18, luks(512), /LUKS2 .* 512/],
    [18, luks(4096), null],
    [8, (image) => run('mkfs.ext4', '-q', '-b', '4096', image), null],
  ];
  const DISK_BYTES = 160 * MIB;

  test('is refused by name, and a person may take it upon themselves', async () => {
    const disk = bench.file('refused.disk', DISK_BYTES);
    let nextMib = 1;
    for (const [i, [mib, make]] of MADE.entries()) {
      const image = bench.file(`refused${i}.img`, mib * MIB);
      make(image);
      run('sgdisk', '-n', `${i + 1}:${nextMib}M:+${mib}M`, disk);
      place(image, disk, nextMib * MIB);
      nextMib += mib;
    }
    resultOf(await engine.capture(disk, 'refused'));
    const target = bench.attach(bench.file('refused.target', DISK_BYTES), '-b', '4096');
    const { canRun, checks } = await planned('refused', target);
    expect(canRun).toBe(false);
    const refused = { code: 'SECTOR_SIZE_DIFFERS', level: 'block', templateSectorBytes: 512, targetSectorBytes: 4096 };
    const expected = MADE.flatMap(([, , reason], i) =>
      reason ? [{ ...refused, volume: String(i + 1), reason: expect.stringMatching(reason) as string }] : [],
    );
    expect(checks).toEqual(expected);

    const overrides = ['SECTOR_SIZE_DIFFERS' as const];
    const overridden = await engine.client.call('deploy.plan', { template: 'refused', target, overrides });
    expect(overridden.canRun).toBe(true);
    const { jobId } = await engine.client.call('deploy.start', { planId: overridden.planId, confirm: target });
    resultOf(await engine.ended(jobId));
    expectSoundGpt(target);
    bench.detach(target);
  });

  test.each(['2049', '40'])('a partition from sector %s on is refused with its table', async (start) => {
    const image = bench.file('alone.img', 4 * MIB);
    run('mkfs.ext4', '-q', '-b', '4096', image);
    const disk = bench.file('alone.disk', 8 * MIB);
    run('sgdisk', '-a', '1', '-n', `1:${start}:+4M`, disk);
    place(image, disk, Number(start) * 512);
    resultOf(await engine.capture(disk, `alone ${start}`));
    const target = bench.attach(bench.file('alone.target', 8 * MIB), '-b', '4096');
    expect(await planned(`alone ${start}`, target)).toMatchObject({
      canRun: false,
      checks: [{ code: 'SECTOR_SIZE_DIFFERS', level: 'block', volume: 'GPT' }],
    });
    const overrides = ['SECTOR_SIZE_DIFFERS' as const];
    const { canRun } = await engine.client.call('deploy.plan', { template: `alone ${start}`, target, overrides });
    expect(canRun).toBe(false);
    bench.detach(target);
  });
});

describe.skipIf(!canLoop)('an MBR disk with logical partitions', () => {
  const parts = { first: at(1, 16), second: at(18, 16), third: at(36, 16) };
  const DISK_BYTES = 54 * MIB;

  test('there and back', async (context) => {
    proves(context, {
      subject: '4Kn and 512e',
      feature: 'MBR with logical partitions',
      aspect: 'deploy',
      judge: 'sfdisk',
    });
    const image = bench.file('mbr.img', DISK_BYTES);
    const line = (number: number, { startBytes, lengthBytes }: Part, type: string) =>
      `disk${number} : start=${startBytes / 512}, size=${lengthBytes / 512}, type=${type}\n`;
    const script = [
      'label: dos\n',
      line(1, parts.first, '83, bootable'),
      line(2, at(17, 36), '5'),
      line(5, parts.second, '83'),
      line(6, parts.third, '83'),
    ];
    runWithInput(script.join(''), 'sfdisk', '-q', image);
    for (const [name, part] of Object.entries(parts)) {
      place(makeExt4(bench, `mbr.${name}`, part.lengthBytes, '-b', '4096'), image, part.startBytes);
    }
    const tableOf = (path: string, sectorBytes: number) => {
      const told = JSON.parse(run('sfdisk', '--json', path)) as {
        partitiontable: { partitions: { node: string; start: number; size: number; type: string }[] };
      };
      return told.partitiontable.partitions.map(({ node, start, size, type }) => {
        return [/\d+$/.exec(node)![0], start * sectorBytes, size * sectorBytes, type];
      });
    };
    const expected = tableOf(image, 512);

    resultOf(await engine.capture(image, 'mbr'));
    const large = device('mbr4k.img', DISK_BYTES, 4096);
    resultOf(await engine.deploy('mbr', large, { confirm: large }));
    expect(tableOf(large, 4096)).toEqual(expected);
    for (const part of Object.values(parts)) {
      const path = partOf(bench.path('mbr4k.img'), part, 4096);
      run('e2fsck', '-fn', path);
      bench.unmount(bench.mount(path, 'ro,noload'));
      bench.detach(path);
    }
    resultOf(await engine.capture(large, 'mbr4k'));
    bench.detach(large);

    const small = device('mbr512.img', DISK_BYTES, 512);
    resultOf(await engine.deploy('mbr4k', small, { confirm: small }));
    expect(tableOf(small, 512)).toEqual(expected);
    bench.detach(small);
    expect(occurrences(bench.path('mbr512.img'), DELETED_MARKER)).toBe(0);
  });
});
