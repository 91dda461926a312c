/**
 * Drivers of virtio out of an ISO, put into phony Windows guests on NTFS: judged by ntfscat and ntfsls, and by hivexregedit and reged. That a real
 * Windows starts so is not what this shows: files and registry are.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CommandParams } from '../../src-engine/contract/commands.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { ext4Image, type GuestTree } from '../support/guests.ts';
import { notClosed } from '../support/hives.ts';
import { attributeOf, editRecord } from '../support/ntfs.ts';
import { phonyDisk } from '../support/phony-guests.ts';
import { driverFiles, program, VIRTIO_WIN } from '../support/virtio-tree.ts';
import { exported, isoOf, windowsDisk, withCapitals, type WindowsOptions } from '../support/virtio-win.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const PACKAGES = '/Windows/Drivers/VirtIO';
const CONFIG = '/Windows/System32/config';
let engine: TestEngine;
let iso = '';
beforeAll(async () => {
  engine = await openEngine(bench.path('catalog'));
  iso = isoOf(bench, 'virtio-win.iso', VIRTIO_WIN);
});
afterAll(() => engine.close());

/** As Windows marks the volume of a disk while it runs. */
function marked(disk: string): void {
  const bytes = readFileSync(disk);
  editRecord(bytes.subarray(MIB), 3, (record) => {
    const information = attributeOf(record, 0x70);
    information.writeUInt16LE(1, information.readUInt16LE(20) + 10);
  });
  writeFileSync(disk, bytes);
}

type Asked = Partial<CommandParams<'deploy.plan'>>;

async function captured(name: string, options: WindowsOptions, left = (_disk: string) => {}): Promise<string> {
  const disk = windowsDisk(bench, name, options);
  left(disk);
  // of one that sleeps, a capture has to be told that this is known
  resultOf(await engine.capture(disk, name, { overrides: ['WINDOWS_HIBERNATED'] }));
  return disk;
}

const planned = (template: string, asked: Asked = {}) =>
  engine.client.call('deploy.plan', {
    ...{ template, target: bench.path('target.img'), identity: 'keep', virtioDrivers: iso },
    ...{ overrides: ['end-of-life'] },
    ...asked,
  } as CommandParams<'deploy.plan'>);

const blocks = ({ checks }: { checks: { code: string; level: string; data: object }[] }) =>
  checks.filter(({ level }) => level === 'block').map(({ code, data }) => ({ code, ...data }));

interface SfdiskTable {
  readonly partitiontable: { readonly partitions: readonly { readonly size: number }[] };
}

/** The target as NTFS's own programs read it. */
function seen(target: string, nameOf = (path: string) => path) {
  const volume = `${target}.ntfs`;
  const { partitiontable } = JSON.parse(run('sfdisk', '--json', target)) as SfdiskTable;
  const [{ size }] = partitiontable.partitions;
  const sectors = ['bs=512', 'skip=2048', `count=${size}`];
  run('dd', `if=${target}`, `of=${volume}`, ...sectors, 'conv=sparse', 'status=none');
  run('ntfsfix', '--no-action', volume);
  const read = (path: string) => execFileSync('ntfscat', ['-f', volume, nameOf(path)], { maxBuffer: 16 * MIB });
  const registry = (name: string) => {
    writeFileSync(`${volume}.${name}`, read(`${CONFIG}/${name}`));
    return exported(`${volume}.${name}`);
  };
  return {
    text: (path: string) => read(path).toString('latin1'),
    names: (folder: string) =>
      run('ntfsls', '-f', '-p', nameOf(folder), volume)
        .split('\n')
        .filter((name) => !/^\.*$/.test(name))
        .sort(),
    system: registry('SYSTEM'),
    software: registry('SOFTWARE'),
    reged(key: string): string {
      const told = `${volume}.reg`;
      run('reged', '-x', `${volume}.SYSTEM`, 'HKLM', key, told);
      return readFileSync(told, 'latin1');
    },
  };
}

async function carriedOut({ planId }: { planId: string }) {
  return resultOf(await engine.ended((await engine.client.call('deploy.start', { planId })).jobId));
}

async function deployed(name: string, options: WindowsOptions, asked: Asked) {
  const source = await captured(name, options);
  const before = readFileSync(source);
  const target = bench.path(`${name}.target.img`);
  const plan = await planned(name, { target, ...asked });
  expect(blocks(plan)).toEqual([]);
  const result = await carriedOut(plan);
  // neither the source nor the template is other than it was
  expect(readFileSync(source).equals(before)).toBe(true);
  const unchanged = bench.path(`${name}.plain.img`);
  await carriedOut(await planned(name, { target: unchanged, virtioDrivers: undefined }));
  const [old, now] = [unchanged, target].map((disk) => seen(disk, options.hasCapitals ? withCapitals : undefined));
  for (const path of [source, unchanged, target]) rmSync(path);
  return { plan, result, old, now };
}

const added = (old: Map<string, string[]>, now: Map<string, string[]>) =>
  Object.fromEntries([...now].filter(([key, values]) => JSON.stringify(old.get(key)) !== JSON.stringify(values)));
const removed = (old: Map<string, string[]>, now: Map<string, string[]>) =>
  [...old.keys()].filter((key) => !now.has(key));

const service = (name: string) => [
  '"ErrorControl"=dword:00000001',
  '"Group"=str(1):"SCSI miniport"',
  `"ImagePath"=str(2):"system32\\drivers\\${name}.sys"`,
  '"Start"=dword:00000000',
  '"Type"=dword:00000001',
];

describe.skipIf(!canLoop)('carried out', () => {
  test('Windows 7 of 32 bits: the database of critical devices, and nothing of the one that came later', async () => {
    const { plan, result, old, now } = await deployed(
      'seven',
      { name: 'Windows 7 Professional', build: '7601', machine: 'x86' },
      { bus: 'virtio' },
    );
    expect(plan.putIn).toMatchObject({ release: 'windows-7', folder: 'w7/x86', drivers: [{ name: 'viostor' }] });
    expect(plan.drivers[0].buses).toMatchObject({ virtio: 'first', scsi: 'none', sata: 'first' });
    const told = plan.checks.filter(({ code }) => /DRIVER|GUEST_LACKS/.test(code));
    expect(told.map(({ code, level }) => `${level} ${code}`)).toEqual(['pass GUEST_HAS_DRIVER', 'warn DRIVERS_PUT_IN']);
    const critical = ['"ClassGUID"=str(1):"{4D36E97B-E325-11CE-BFC1-08002BE10318}"', '"Service"=str(1):"viostor"'];
    const database = '\\ControlSet001\\Control\\CriticalDeviceDatabase';
    expect(added(old.system, now.system)).toEqual({
      '\\ControlSet001\\Services\\viostor': service('viostor'),
      [`${database}\\PCI#VEN_1AF4&DEV_1001&REV_00`]: critical,
      [`${database}\\PCI#VEN_1AF4&DEV_1042&REV_01`]: critical,
    });
    expect(added(old.software, now.software)).toEqual({
      '\\Microsoft\\Windows\\CurrentVersion': [
        '"DevicePath"=str(2):"%SystemRoot%\\inf;%SystemRoot%\\Drivers\\VirtIO"',
        '"ProgramFilesDir"=str(1):"C:\\Program Files"',
      ],
    });
    expect(removed(old.system, now.system)).toEqual([]);
    const folder = 'viostor/w7/x86';
    expect(now.text('/Windows/System32/drivers/viostor.sys')).toBe(program('x86', folder).toString('latin1'));
    expect(now.text(`${PACKAGES}/viostor.sys`)).toBe(program('x86', folder).toString('latin1'));
    expect(now.text(`${PACKAGES}/viostor.inf`)).toContain(`; ${folder}\r\n`);
    expect(now.text(`${PACKAGES}/viostor.cat`)).toBe(`signatures of ${folder}`);
    expect(now.names(PACKAGES)).toEqual(['viostor.cat', 'viostor.inf', 'viostor.sys']);
    expect(now.reged('\\ControlSet001\\Services\\viostor')).toContain('"Start"=dword:00000000');
    const changes = result.inside!.changes.filter(({ kind }) => kind === 'write');
    expect(changes.map(({ reason, path }) => `${reason} ${path}`).sort()).toEqual(
      [
        'drivers /Windows/Drivers/VirtIO/viostor.cat',
        'drivers /Windows/Drivers/VirtIO/viostor.inf',
        'drivers /Windows/Drivers/VirtIO/viostor.sys',
        'drivers /Windows/System32/config/SOFTWARE',
        'drivers /Windows/System32/config/SYSTEM',
        'drivers /Windows/System32/drivers/viostor.sys',
      ].sort(),
    );
    expect(plan.guestChanges.map(({ path }) => path)).toEqual(expect.arrayContaining(changes.map(({ path }) => path)));
  });

  test('Windows 11 that has the service, and was told not to start it', async () => {
    const services = '\\ControlSet001\\Services';
    const { plan, old, now } = await deployed(
      'eleven',
      {
        build: '26100',
        system: {
          'ControlSet001\\Services\\vioscsi': { Start: 3, Type: 1, Owners: 'oem3.inf' },
          'ControlSet001\\Services\\vioscsi\\StartOverride': { 0: 3 },
          'DriverDatabase\\DriverInfFiles\\oem3.inf': { Active: 'vioscsi.inf_amd64_1' },
        },
        software: { DevicePath: '%SystemRoot%\\inf;D:\\own' },
      },
      { bus: 'scsi' },
    );
    expect(plan.putIn).toMatchObject({ folder: 'w11/amd64', drivers: [{ name: 'vioscsi', bus: 'scsi' }] });
    const inf = 'diskpress_vioscsi.inf';
    const database = '\\DriverDatabase';
    const own = `${database}\\DriverPackages\\${inf}_boot`;
    const devices = ['VEN_1AF4&DEV_1004&REV_00', 'VEN_1AF4&DEV_1048&REV_01'];
    expect(added(old.system, now.system)).toEqual({
      [`${services}\\vioscsi`]: [
        ...service('vioscsi').slice(0, 3),
        '"Owners"=str(1):"oem3.inf"',
        ...service('vioscsi').slice(3),
      ],
      [`${services}\\vioscsi\\StartOverride`]: ['"0"=dword:00000000'],
      [`${database}\\DeviceIds`]: [],
      [`${database}\\DeviceIds\\PCI`]: [],
      [`${database}\\DriverPackages`]: [],
      [`${database}\\DriverInfFiles\\${inf}`]: [
        expect.stringMatching(/^@=hex\(7\):/),
        `"Active"=str(1):"${inf}_boot"`,
        expect.stringMatching(/^"Configurations"=hex\(7\):/),
      ],
      [own]: [
        expect.stringMatching(
          /^"Version"=hex\(3\):00,ff,09,00,00,00,00,00,7b,e9,36,4d,25,e3,ce,11,bf,c1,08,00,2b,e1,03,18(?:,00){24}$/,
        ),
      ],
      [`${own}\\Configurations`]: [],
      [`${own}\\Configurations\\diskpress_vioscsi`]: ['"ConfigFlags"=dword:00000000', '"Service"=str(1):"vioscsi"'],
      [`${own}\\Descriptors`]: [],
      [`${own}\\Descriptors\\PCI`]: [],
      ...Object.fromEntries(
        devices.flatMap((device) => [
          [`${database}\\DeviceIds\\PCI\\${device}`, [`"${inf}"=hex(3):01,ff,00,00`]],
          [`${own}\\Descriptors\\PCI\\${device}`, ['"Configuration"=str(1):"diskpress_vioscsi"']],
        ]),
      ),
    });
    expect(now.software.get('\\Microsoft\\Windows\\CurrentVersion')).toContain(
      '"DevicePath"=str(2):"%SystemRoot%\\inf;D:\\own;%SystemRoot%\\Drivers\\VirtIO"',
    );
    expect(now.names(PACKAGES)).toEqual(['vioscsi.cat', 'vioscsi.inf', 'vioscsi.sys']);
  });

  test('a server that starts with its second set of settings, on a larger target, in folders of other letters; both drivers where nothing is said', async () => {
    const { plan, old, now } = await deployed(
      'second',
      { name: 'Windows Server 2019 Standard', build: '17763', isServer: true, current: 2, hasCapitals: true },
      // a program that makes it longer marks it for Windows to look at
      { lengthBytes: 48 * MIB },
    );
    expect(plan.putIn!.folder).toBe('2k19/amd64');
    expect(plan.drivers[0].buses).toMatchObject({ virtio: 'first', scsi: 'first' });
    const changed = added(old.system, now.system);
    expect(changed).toMatchObject({
      '\\ControlSet002\\Services\\viostor': service('viostor'),
      '\\ControlSet002\\Services\\vioscsi': service('vioscsi'),
    });
    expect(Object.keys(changed).filter((key) => /ControlSet001|CriticalDevice/.test(key))).toEqual([]);
    expect(now.names(PACKAGES)).toHaveLength(6);
  });
});

test.each([
  ['Windows Server 2008 R2 Standard', '7601', true, 'AMD64', '2k8R2/amd64'],
  ['Windows 8 Pro', '9200', false, 'x86', 'w8/x86'],
  ['Windows 8.1 Pro', '9600', false, 'AMD64', 'w8.1/amd64'],
  ['Windows Server 2012 R2 Standard', '9600', true, 'AMD64', '2k12R2/amd64'],
  ['Windows 11 on ARM', '26100', false, 'ARM64', 'w11/ARM64'],
  ['Windows Server 2025 Standard', '26100', true, 'AMD64', '2k25/amd64'],
] as const)('%s (%s): planned', async (name, build, isServer, machine, folder) => {
  const template = folder.replace('/', '-');
  rmSync(await captured(template, { name, build, isServer, machine }));
  const plan = await planned(template);
  expect(plan.putIn?.folder).toBe(folder);
  const wanted = ['viostor', 'vioscsi'].map((driver) => `${driver}/${folder}/${driver}.sys`);
  expect(plan.putIn!.drivers.map((driver) => `${driver.name}/${folder}/${driver.files[0].name}`)).toEqual(wanted);
});

describe('refused', () => {
  beforeAll(async () => {
    rmSync(await captured('ten', {}));
    rmSync(await captured('open', { damage: notClosed }));
    rmSync(await captured('damaged', { damage: (hive) => hive.fill(0, 4096, 4100) }));
    rmSync(await captured('xp', { name: 'Microsoft Windows XP', build: '2600', machine: 'x86' }));
    rmSync(await captured('vista', { name: 'Windows Vista', build: '6002' }));
    rmSync(await captured('marked', {}, marked));
    const hiberfil = Buffer.alloc(4096);
    hiberfil.write('hibr');
    rmSync(await captured('asleep', { files: { '/hiberfil.sys': hiberfil } }));
  });
  const refused = (data: object) => [expect.objectContaining({ code: 'DRIVERS_CANNOT_BE_PUT_IN', ...data })];

  test.each([
    ['open', { reason: 'hive-not-closed', path: `${CONFIG}/SYSTEM` }],
    ['damaged', { reason: 'hive-damaged', path: `${CONFIG}/SYSTEM` }],
    ['asleep', { reason: 'hibernated' }],
    ['marked', { reason: 'not-clean' }],
  ])('a Windows that is %s', async (template, data) => {
    const plan = await planned(template);
    expect(blocks(plan)).toEqual(expect.arrayContaining(refused(data)));
    expect([plan.canRun, plan.putIn]).toEqual([false, null]);
    expect((await refusal(engine.client.call('deploy.start', { planId: plan.planId }))).code).toBe('PLAN_BLOCKED');
  });

  test('no driver for this Windows: by its name, and in which folder it was looked for', async () => {
    const missing = (windows: string, drivers: string, folder: string) => [
      { code: 'VIRTIO_DRIVER_MISSING', path: iso, windows, drivers, folder },
    ];
    expect(blocks(await planned('xp', { bus: 'scsi' }))).toEqual(missing('Microsoft Windows XP', 'vioscsi', 'xp/x86'));
    expect(blocks(await planned('vista'))).toEqual(missing('Windows Vista', 'viostor, vioscsi', 'vista/amd64'));
    // one of two is enough where nobody asks for the other
    expect((await planned('xp')).putIn!.drivers.map(({ name }) => name)).toEqual(['viostor']);
  });

  test('no driver for this architecture', async () => {
    const virtioDrivers = isoOf(bench, 'only-x86.iso', driverFiles('viostor', 'w10', 'x86'));
    expect(blocks(await planned('ten', { virtioDrivers }))).toEqual([
      expect.objectContaining({ code: 'VIRTIO_DRIVER_MISSING', folder: 'w10/amd64' }),
    ]);
  });

  const folder = 'viostor/w10/amd64';
  const without = (path: string): GuestTree =>
    Object.fromEntries(Object.entries(driverFiles('viostor', 'w10', 'amd64')).filter(([one]) => one !== path));
  test.each<[string, GuestTree]>([
    ['iso-incomplete', without(`${folder}/viostor.cat`)],
    ['iso-incomplete', { ...driverFiles('viostor', 'w10', 'amd64'), [`${folder}/viostor.inf`]: '' }],
    [
      'iso-other-processor',
      { ...driverFiles('viostor', 'w10', 'amd64'), [`${folder}/viostor.sys`]: program('x86', '') },
    ],
    ['iso-other-processor', { ...driverFiles('viostor', 'w10', 'amd64'), [`${folder}/viostor.sys`]: 'no program' }],
    [
      'iso-damaged',
      { ...driverFiles('viostor', 'w10', 'amd64'), [`${folder}/viostor.inf`]: Buffer.alloc(2 * MIB, ';') },
    ],
  ])('an ISO with less than a driver: %s', async (reason, tree) => {
    const virtioDrivers = isoOf(bench, `less-${less++}.iso`, tree);
    expect(blocks(await planned('ten', { virtioDrivers }))).toEqual(refused({ reason, path: virtioDrivers }));
  });
  let less = 0;

  test('what is no ISO, has UDF alone, or is cut off', async () => {
    const none = bench.file('none.iso', MIB, 1);
    expect(blocks(await planned('ten', { virtioDrivers: none }))).toEqual(refused({ reason: 'iso-none' }));
    const udf = bench.file('udf.iso', 4 * MIB);
    run('mkudffs', '--media-type=hd', '--blocksize=2048', udf);
    expect(blocks(await planned('ten', { virtioDrivers: udf }))).toEqual(refused({ reason: 'iso-udf' }));
    const cut = bench.path('cut.iso');
    writeFileSync(cut, readFileSync(iso).subarray(0, 100 * 1024));
    expect(blocks(await planned('ten', { virtioDrivers: cut }))).toEqual(refused({ reason: 'iso-damaged' }));
    expect((await refusal(planned('ten', { virtioDrivers: bench.path('nowhere.iso') }))).code).toBe('NOT_FOUND');
    expect((await refusal(planned('ten', { virtioDrivers: bench.path('.') }))).code).toBe('BAD_REQUEST');
  });

  test('the bytes as they were captured, or a file of a person’s own in the same place', async () => {
    expect(await refusal(planned('ten', { exact: true }))).toMatchObject({
      code: 'BAD_REQUEST',
      data: { field: 'exact' },
    });
    const files = [{ path: '/windows/system32//config/system', base64: '' }];
    expect(blocks(await planned('ten', { settings: { files } as never }))).toEqual(
      expect.arrayContaining(refused({ reason: 'file-put-twice' })),
    );
  });

  test.skipIf(!canLoop)('an ISO that is another when it is written: the target does not come to be', async () => {
    const virtioDrivers = isoOf(bench, 'exchanged.iso', driverFiles('viostor', 'w10', 'amd64'));
    const target = bench.path('exchanged.img');
    const plan = await planned('ten', { virtioDrivers, target });
    const other = driverFiles('viostor', 'w10', 'amd64');
    isoOf(bench, 'exchanged.iso', { ...other, [`${folder}/viostor.sys`]: program('amd64', 'another') });
    const job = await engine.ended((await engine.client.call('deploy.start', { planId: plan.planId })).jobId);
    expect(job.error).toMatchObject({ code: 'DRIVERS_NOT_PUT_IN', data: { reason: 'iso-changed' } });
    expect(() => readFileSync(target)).toThrow('ENOENT');
  });
});

test('no Windows in the template', async () => {
  const disk = bench.path('linux.img');
  writeFileSync(disk, ext4Image(bench.folder, { '/etc/os-release': 'ID=debian\n', '/etc/debian_version': '13\n' }));
  resultOf(await engine.capture(disk, 'linux'));
  writeFileSync(disk, ext4Image(bench.folder, { '/notes.txt': 'no system\n' }));
  resultOf(await engine.capture(disk, 'notes'));
  for (const template of ['linux', 'notes']) {
    const refusals = blocks(await planned(template)).filter(({ code }) => /DRIVER/.test(code));
    expect(refusals).toEqual([{ code: 'DRIVERS_CANNOT_BE_PUT_IN', path: iso, reason: 'no-windows' }]);
  }
});

test.skipIf(!canLoop)('an ISO of short names in capitals does as well', async () => {
  const virtioDrivers = isoOf(bench, 'short.iso', VIRTIO_WIN, 'ISO 9660, 8.3');
  const options = { name: 'Windows 8.1 Pro', build: '9600' };
  const { plan, now } = await deployed('short', options, { virtioDrivers, bus: 'virtio' });
  expect(plan.putIn!.folder).toBe('w8.1/amd64');
  expect(now.names(PACKAGES)).toEqual(['viostor.cat', 'viostor.inf', 'viostor.sys']);
  expect(now.text('/Windows/System32/drivers/viostor.sys')).toContain('viostor/w8.1/amd64');
});

test.skipIf(!canLoop)('a Windows behind its EFI system partition, on a GPT', async () => {
  const disk = phonyDisk(bench.folder, 'windows-11');
  resultOf(await engine.capture(disk, 'gpt'));
  const plan = await planned('gpt', { target: bench.path('gpt.target.img'), bus: 'virtio' });
  expect([blocks(plan), plan.putIn?.folder]).toEqual([[], 'w11/amd64']);
  const { inside } = await carriedOut(plan);
  const written = inside!.changes.filter(({ kind }) => kind === 'write').map(({ path, volume }) => `${volume} ${path}`);
  expect(written).toHaveLength(6);
  expect(written).toContain('3 /Windows/System32/drivers/viostor.sys');
});

test('a registry that leads to the package already is left as it is', async () => {
  const software = { DevicePath: '%SystemRoot%\\inf; %systemroot%\\drivers\\virtio' };
  rmSync(await captured('led', { software }));
  const plan = await planned('led', { bus: 'virtio' });
  expect(blocks(plan)).toEqual([]);
  const paths = plan.guestChanges.map(({ path }) => path);
  expect(paths).toContain(`${CONFIG}/SYSTEM`);
  expect(paths).not.toContain(`${CONFIG}/SOFTWARE`);
});

test('an ISO whose folders are written otherwise does as well', async () => {
  const tree = Object.entries(driverFiles('viostor', 'w10', 'amd64'));
  const other = Object.fromEntries(
    tree.map(([path, content]) => [path.replace('viostor/w10/amd64', 'VioStor/W10/Amd64'), content]),
  );
  rmSync(await captured('letters', {}));
  const plan = await planned('letters', { virtioDrivers: isoOf(bench, 'letters.iso', other), bus: 'virtio' });
  expect([blocks(plan), plan.putIn?.folder]).toEqual([[], 'w10/amd64']);
});

test('of a machine of two disks, the one that Windows is not on stays as it is', async () => {
  const source = windowsDisk(bench, 'first-of-two', {});
  const second = bench.path('second-of-two.img');
  writeFileSync(second, ext4Image(bench.folder, { '/notes.txt': 'no system\n' }));
  resultOf(await engine.capture(source, 'two', { others: [second] }));
  const targets = [bench.path('one.img'), bench.path('two.img')];
  const plans = await engine.client.call('deploy.planAll', {
    template: 'two',
    targets,
    virtioDrivers: iso,
    identity: 'keep',
  });
  expect(plans.map(blocks)).toEqual([[], []]);
  expect(plans.map(({ putIn }) => putIn?.drivers.map(({ name }) => name))).toEqual([['viostor', 'vioscsi'], undefined]);
});
