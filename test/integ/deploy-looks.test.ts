/**
 * A target that is not finished looks like nothing: neither like what it was, nor like what it is going to be. Other people's programs
 * say what they find.
 */
import { open } from 'node:fs/promises';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src-engine/contract/commands.ts';
import { quietContext } from '../../src-engine/core/job-context.ts';
import { createFileSink } from '../../src-engine/formats/raw/file-sink.ts';
import type { CatalogHandle } from '../../src-engine/host/catalog-handle.ts';
import { KeptLooks } from '../../src-engine/inspection/kept-looks.ts';
import { planCapture } from '../../src-engine/jobs/capture/plan.ts';
import { runCapture } from '../../src-engine/jobs/capture/run.ts';
import { begin } from '../../src-engine/jobs/deploy/begin.ts';
import { fill } from '../../src-engine/jobs/deploy/fill.ts';
import { finish } from '../../src-engine/jobs/deploy/finish.ts';
import { HeldBack } from '../../src-engine/jobs/deploy/held-back.ts';
import { Overlay } from '../../src-engine/jobs/deploy/overlay.ts';
import { edgesOf, place } from '../../src-engine/jobs/deploy/place.ts';
import { diskOf } from '../../src-engine/versions/found-disk.ts';
import { withManifest } from '../../src-engine/versions/with-manifest.ts';
import { feedOf } from '../support/feed.ts';
import { openCatalog } from '../support/catalog-handle.ts';
import { recognised } from '../support/judges.ts';
import { MIB, run, runWithInput, workbench } from '../support/workbench.ts';
import { writeMember, type MdOptions } from '../unit/volumes/md-image.ts';

const bench = workbench();
let handle: CatalogHandle;
beforeAll(() => {
  handle = openCatalog(bench.path('catalog'));
});
afterAll(() => handle.close());

/** A member of a mirror, of which the array holds an ext4. */
function makeMember(path: string, version: MdOptions['version']): void {
  run('mkfs.ext4', '-q', '-F', path, '12M');
  const volume = readFileSync(path);
  const { startBytes } = writeMember(volume, { version });
  // with it at the front, the file system is seen where no program looks for members
  if (startBytes === 0) volume.fill(0, 1024, 2048);
  writeFileSync(path, volume);
}

type Disk = readonly [what: string, lengthBytes: number, make: (path: string) => void];

const DISKS: readonly Disk[] = [
  ['ext4', 64 * MIB, (path) => run('mkfs.ext4', '-q', '-F', path)],
  ['XFS', 320 * MIB, (path) => run('mkfs.xfs', '-q', '-f', path)],
  ['Btrfs', 128 * MIB, (path) => run('mkfs.btrfs', '-q', '-f', path)],
  ['FAT', 64 * MIB, (path) => run('mkfs.vfat', path)],
  ['exFAT', 64 * MIB, (path) => run('mkfs.exfat', path)],
  ['NTFS', 64 * MIB, (path) => run('mkfs.ntfs', '-F', '-Q', '-q', path)],
  ['NILFS, with a superblock at either end', 160 * MIB, (path) => run('mkfs.nilfs2', '-q', '-f', path)],
  ['JFS', 64 * MIB, (path) => run('mkfs.jfs', '-q', path)],
  ['F2FS', 64 * MIB, (path) => run('mkfs.f2fs', '-q', '-f', path)],
  ['UDF', 64 * MIB, (path) => run('mkudffs', '-b', '512', path)],
  ['UDF of a medium', 64 * MIB, (path) => run('mkudffs', '-b', '2048', path)],
  ['ReiserFS', 64 * MIB, (path) => run('mkfs.reiserfs', '-q', '-ff', path)],
  ['swap', 16 * MIB, (path) => run('mkswap', path)],
  ['swap of large pages', 16 * MIB, (path) => run('mkswap', '-p', '65536', path)],
  [
    'an ISO image',
    16 * MIB,
    (path) => {
      run('xorriso', '-as', 'mkisofs', '-quiet', '-o', `${path}.iso`, '/etc/os-release');
      run('dd', `if=${path}.iso`, `of=${path}`, 'conv=notrunc', 'status=none');
    },
  ],
  ['a member of a RAID, told at the end', 16 * MIB, (path) => makeMember(path, '1.0')],
  ['a member of an old RAID, told at the end', 16 * MIB, (path) => makeMember(path, '0.90')],
  ['a GPT', 16 * MIB, (path) => run('sgdisk', '-o', '-n', '1:2048:0', path)],
  ['a GPT of 1024 entries', 16 * MIB, (path) => run('sgdisk', '-o', '-S', '1024', '-n', '1:4096:0', path)],
  ['an MBR', 16 * MIB, (path) => runWithInput('2048,,83\n', 'sfdisk', '-q', path)],
];

/** Programs of others, without the name of the file. */
const seenOn = (path: string) =>
  recognised(path).replaceAll(path, 'it') + run('wipefs', '-n', '--noheadings', '--output', 'OFFSET,TYPE', path);

async function captured(source: string, name: string): Promise<void> {
  const asked = COMMANDS['capture.plan'].params.parse({ source, name, outside: 'take' });
  const expiresAt = new Date(Date.now() + 600_000).toISOString();
  const { record } = await planCapture(handle.parts, new KeptLooks(0), asked, expiresAt, new AbortController().signal);
  await runCapture(handle.parts, record, quietContext());
}

async function openSink(path: string, lengthBytes: number) {
  const file = await open(path, 'r+');
  const facts = { lengthBytes, sectorBytes: 512, physicalSectorBytes: 512 };
  return createFileSink(file, path, facts, false);
}

describe.each(DISKS)('%s', (what, lengthBytes, make) => {
  test('is not to be seen any more once another disk is begun over it', async () => {
    const image = bench.file('former.img', lengthBytes);
    make(image);
    const sink = await openSink(image, lengthBytes);
    const finishing = edgesOf(lengthBytes, 8 * MIB);
    await begin({ sink, placement: { finishing } });
    await sink.close();
    expect(seenOn(image)).toBe('');
    rmSync(image);
  });

  test('is not to be seen any more where it was overwritten, and not yet where it is written', async () => {
    const source = bench.file('disk.img', lengthBytes);
    make(source);
    const seen = seenOn(source);
    expect(seen).not.toBe('');
    await captured(source, what);

    // what it is written over is a disk of the same sort
    const target = bench.path('target.img');
    run('cp', '--sparse=always', source, target);
    const sink = await openSink(target, lengthBytes);
    const { parts } = handle;
    const found = diskOf(parts.templates.find(what), 1);
    const context = quietContext();
    try {
      await withManifest(parts, found, async (manifest, json) => {
        const placed = { ...found.disk.source, kind: 'file', lengthBytes } as const;
        const placement = await place(parts, { target: placed, volumes: [], active: null }, manifest, json);
        const overlay = new Overlay(placement.changes, placement.leftOut);
        const held = new HeldBack(placement.finishing);
        const file = { path: target, sink, fd: -1, publish: () => sink.close(), end: async () => {} };
        const deployment = {
          parts,
          plan: { readsFirst: false },
          manifest,
          json,
          feed: feedOf(parts, found, context),
          placement,
          overlay,
          held,
          sink,
          target: file,
          diskCount: 1,
          inside: null,
          writtenBytes: 0,
          verifiedBytes: 0,
        };
        await begin(deployment);
        expect(seenOn(target)).toBe('');
        await fill(deployment, context);
        await sink.sync();
        expect(seenOn(target)).toBe('');
        await finish(deployment, context);
        expect(held.lengthBytes).toBeLessThanOrEqual(2 * MIB);
      });
    } finally {
      await sink.close().catch(() => {});
    }
    expect(seenOn(target)).toBe(seen);
    for (const path of [source, target]) rmSync(path);
  });
});
