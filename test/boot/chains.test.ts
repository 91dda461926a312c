/**
 * Disks start after their partitions got other lengths and places, other sectors, or a machine whose firmware has no entry for them: a boot
 * loader alone is on each, put there by its own programs, and prints a sign. The job's account of its chain says what happened to it.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BootLink } from '../../src-engine/contract/boot-chain.contract.ts';
import { makeFirmwareEntry } from '../../src-engine/machines/firmware-entries.ts';
import { findTool } from '../../src-engine/tools/tools.ts';
import { openEngineThread, resultOf, type TestEngine } from '../support/engine.ts';
import { putIntoOvmf } from '../support/ovmf-variables.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';
import {
  fillEfiPartition,
  fillRoot,
  installGrub,
  installGrubByBlocks,
  installMbr,
  installSyslinux,
  makeSwap,
  missingEfiLoaders,
  missingLoaders,
  OVMF_VARIABLES,
  partition,
  partsOf,
  PROMPT,
  SIGN,
  started,
} from './grub-disks.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => {
  engine = await openEngineThread(bench.path('catalog'));
});
afterAll(() => engine.close());

const canRun = canLoop && missingLoaders.length === 0;
const canRunEfi = canLoop && missingEfiLoaders.length === 0;
const efibootmgr = findTool('efibootmgr');
if (!efibootmgr) console.warn('SKIPPED: entries of firmware: efibootmgr is missing');
const BIOS_BOOT = '21686148-6449-6E6F-744E-656564454649';
const ext4 = (device: string) => run('mke2fs', '-q', '-F', '-t', 'ext4', device);

interface Chain {
  readonly table: string;
  /** which of its partitions, in the order of the table, has GRUB's folder, and what GRUB calls it */
  readonly root: readonly [index: number, name: string];
  /** which one is swap */
  readonly swap?: number;
}

/** @returns its template's name */
async function template(name: string, { table, root: [index, grubName], swap }: Chain): Promise<string> {
  const image = bench.file(`${name}.img`, 96 * MIB);
  partition(image, table);
  const root = partsOf(image)[index];
  fillRoot(bench, image, root, ext4);
  if (swap !== undefined) makeSwap(bench, image, partsOf(image)[swap]);
  installGrub(bench, image, root, grubName);
  expect(await started(image, 'bios')).toContain(SIGN);
  resultOf(await engine.capture(image, name));
  return name;
}

const IN_GAP: Chain = { table: 'label: dos\nstart=1MiB, size=80MiB, type=83\n', root: [0, 'msdos1'] };
const BEHIND: Chain = {
  table: `label: gpt\nstart=1MiB, size=80MiB, type=linux\nsize=1MiB, type=${BIOS_BOOT}\n`,
  root: [0, 'gpt1'],
};
const LOGICAL: Chain = {
  table:
    'label: dos\n1 : start=1MiB, size=2MiB, type=83\n2 : start=4MiB, size=88MiB, type=5\n5 : start=5MiB, size=70MiB, type=83\n6 : start=76MiB, size=8MiB, type=82\n',
  root: [2, 'msdos5'],
  swap: 3,
};

describe.skipIf(!canRun).each<[string, Chain, { larger: string; smaller: string }]>([
  ['GRUB in front of the partitions of an MBR', IN_GAP, { larger: 'core-in-gap', smaller: 'core-in-gap' }],
  ['GRUB in a BIOS boot partition behind all others', BEHIND, { larger: 'core-moved', smaller: 'core-moved' }],
  ['GRUB, its files on a logical partition', LOGICAL, { larger: 'core-in-gap', smaller: 'core-in-gap' }],
])('%s', (name, chain, links) => {
  test('starts as it did, on larger and smaller disks', async () => {
    const from = await template(name.replaceAll(/\W+/g, '-'), chain);
    for (const [size, mib] of [
      ['larger', 160],
      ['smaller', 72],
    ] as const) {
      const target = bench.path('target.img');
      const { bootChain } = resultOf(await engine.deploy(from, target, { lengthBytes: mib * MIB, overwrite: true }));
      expect(bootChain!.filter(({ state }) => state === 'broken')).toEqual([]);
      expect(bootChain!.map(({ code }) => code)).toEqual(['boot-code', links[size], 'modules', 'core-prefix']);
      expect(await started(target, 'bios')).toContain(SIGN);
    }
  });
});

describe.skipIf(!canRun)('boot code of a partition', () => {
  test('that reads the core of GRUB by its blocks is led to where they went', async () => {
    const image = bench.file('by-blocks.img', 96 * MIB);
    partition(image, 'label: dos\nsize=2MiB, type=83\nsize=80MiB, type=83, bootable\n');
    const [, root] = partsOf(image);
    fillRoot(bench, image, root, ext4);
    installGrubByBlocks(bench, image, root, 'msdos2');
    installMbr(image);
    expect(await started(image, 'bios')).toContain(SIGN);
    resultOf(await engine.capture(image, 'by-blocks'));
    const target = bench.path('target.img');
    const params = { template: 'by-blocks', target, lengthBytes: 40 * MIB };
    const { boot } = await engine.client.call('deploy.plan', params);
    expect(boot.map(({ code }) => code)).toContain('core-uncertain');
    const { bootChain } = resultOf(
      await engine.deploy('by-blocks', target, { lengthBytes: 40 * MIB, overwrite: true }),
    );
    expect(bootChain!.map(({ state, code }) => `${state} ${code}`)).toEqual([
      'proven boot-code',
      'proven active',
      'proven volume-code',
      'mended core-moved',
      'proven modules',
      'unproven core-prefix',
    ]);
    run('e2fsck', '-fn', `${target}?offset=${root.startBytes}`);
    expect(await started(target, 'bios')).toContain(SIGN);
  });

  test.each([
    ['and is moved', ', bootable', 'proven active'],
    ['and has no mark, although nothing else could be started', '', 'mended active-set'],
  ])('that counts in its disk, SYSLINUX, %s', async (name, mark, active) => {
    const image = bench.file('syslinux.img', 64 * MIB);
    partition(image, `label: dos\nsize=32MiB, type=83\nsize=16MiB, type=6${mark}\n`);
    const [other, boot] = partsOf(image);
    fillRoot(bench, image, other, ext4);
    installSyslinux(bench, image, boot);
    installMbr(image);
    const template = name.replaceAll(/\W+/g, '-');
    resultOf(await engine.capture(image, template));
    const target = bench.path('target.img');
    const { bootChain } = resultOf(await engine.deploy(template, target, { lengthBytes: 96 * MIB, overwrite: true }));
    expect(partsOf(target)[1].startBytes).toBeGreaterThan(boot.startBytes);
    expect(bootChain!.map(({ state, code }) => `${state} ${code}`)).toEqual([
      'proven boot-code',
      active,
      'proven volume-code',
      'proven file-by-blocks',
      'mended hidden-sectors-set',
    ]);
    expect(await started(target, 'bios')).toContain(PROMPT);
  });
});

describe.skipIf(!canRunEfi)('a disk that only the firmware of one machine has an entry for', () => {
  const states = (chain: readonly BootLink[] = []) => chain.map(({ state, code }) => `${state} ${code}`).sort();
  beforeAll(async () => {
    const image = bench.file('efi.img', 64 * MIB);
    partition(image, 'label: gpt\nstart=1MiB, size=32MiB, type=uefi\n');
    fillEfiPartition(bench, image, partsOf(image)[0]);
    resultOf(await engine.capture(image, 'efi'));
  });

  test('starts on any: its loader is copied with what it needs, and told as changed', async () => {
    const target = bench.path('efi-target.img');
    const { bootChain, inside } = resultOf(await engine.deploy('efi', target));
    expect(states(bootChain)).toEqual([
      'mended fallback-copied',
      'mended fallback-copied',
      'proven efi-loader',
      'proven efi-loader',
      'unproven firmware-entries',
    ]);
    const written = inside!.changes.filter(({ kind }) => kind === 'write').map(({ path }) => path);
    expect(written.sort()).toEqual(['BOOTX64.EFI', 'grubx64.efi', 'mmx64.efi'].map((name) => `/EFI/BOOT/${name}`));
    const sumOf = (path: string) => run('sh', '-c', `mcopy -n -i ${target}@@1M ${path} - | sha256sum`);
    expect(sumOf('::/EFI/BOOT/BOOTX64.EFI')).toBe(sumOf('::/EFI/debian/shimx64.efi'));
    run('dosfsck', '-n', '-V', extracted(target));
    expect(await started(target, 'uefi')).toContain(SIGN);
  });

  test('on one with sectors of 4096 bytes too', async () => {
    const image = bench.file('efi-4096.img', 64 * MIB);
    const device = bench.attach(image, '-b', '4096');
    const { bootChain } = resultOf(await engine.deploy('efi', device, { confirm: device }));
    expect(states(bootChain)).toContain('mended fallback-copied');
    bench.detach(device);
    expect(await started(image, 'uefi', 4096)).toContain(SIGN);
  });

  test('stays so where the loader is to be kept, or the bytes are to be as captured; and that is told', async () => {
    const target = bench.path('kept.img');
    for (const more of [{ fallbackLoader: 'keep' as const }, { exact: true }]) {
      const { planId, boot } = await engine.client.call('deploy.plan', {
        template: 'efi',
        target,
        identity: 'keep',
        ...more,
      });
      expect(states(boot)).toContain('unproven fallback-missing');
      const { jobId } = await engine.client.call('deploy.start', { planId, overwrite: true });
      expect(states(resultOf(await engine.ended(jobId)).bootChain)).toContain('unproven fallback-missing');
      run('cmp', bench.path('efi.img'), target);
    }
    expect(await started(target, 'uefi')).not.toContain(SIGN);
  });

  test.skipIf(!efibootmgr)('starts by an entry that was made for it, and is made once', async () => {
    const target = bench.path('entered.img');
    const params = { template: 'efi', target, identity: 'keep' as const, exact: true };
    const { planId } = await engine.client.call('deploy.plan', params);
    const { jobId } = await engine.client.call('deploy.start', { planId });
    resultOf(await engine.ended(jobId));
    // efibootmgr itself, which finds the variables of another machine's firmware
    const [variables, tools] = [bench.path('variables'), bench.path('tools')];
    for (const folder of [variables, tools]) mkdirSync(folder);
    const script = `#!/bin/sh\nEFIVARFS_PATH=${variables}/ exec ${efibootmgr} "$@"\n`;
    writeFileSync(join(tools, 'efibootmgr'), script, { mode: 0o755 });
    const { PATH } = process.env;
    process.env.PATH = `${tools}:${PATH}`;
    const path = bench.attach(target, '-P');
    try {
      const partitionUuid = run('sgdisk', '-i1', path).match(/unique GUID: (\S+)/)![1];
      const loader = '\\EFI\\debian\\shimx64.efi';
      const wanted = { path, partition: 1, partitionUuid, loader, label: 'efi' };
      const { signal } = new AbortController();
      const name = await makeFirmwareEntry(wanted, signal);
      expect(await makeFirmwareEntry(wanted, signal)).toBe(name);
      expect(readdirSync(variables).filter((file) => /^Boot\d{4}/.test(file))).toHaveLength(1);
    } finally {
      process.env.PATH = PATH;
      bench.detach(path);
    }
    // read from outside: by the firmware that is to start it, and that has nothing else to start it by
    const store = putIntoOvmf(OVMF_VARIABLES, variables, bench.path('variables.fd'));
    const said = await started(target, 'uefi', 512, store);
    expect(said).toContain('starting Boot0000 "efi"');
    expect(said).toContain(SIGN);
  });

  const extracted = (image: string) => {
    run('dd', `if=${image}`, `of=${bench.path('esp.out')}`, 'bs=1M', 'skip=1', 'count=32', 'status=none');
    return bench.path('esp.out');
  };
});
