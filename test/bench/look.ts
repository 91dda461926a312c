/**
 * Looking: used-block maps of 2 TB volumes against each file system's own dump tool, and a folder of 10,000 files inside a
 * template against `ls -l` on a mount. Writes LOOK.md beside itself.
 *
 *   npm run bench -- look [--rounds N]     needs root, and a few GB in /var/tmp
 */
import { fileURLToPath } from 'node:url';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startEngine } from '../../src-engine/host/start-engine.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } }, allowPositionals: true });
const rounds = Number(values.rounds);
const work = mkdtempSync('/var/tmp/diskpress-look-');
const TB = 1e12;

const run = (tool: string, ...args: string[]) => {
  const { status, stderr } = spawnSync(tool, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  if (status !== 0) throw new Error(`${tool} ${args.join(' ')}: ${stderr}`);
};
const dropCaches = () => {
  execFileSync('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '3');
};
const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const seconds = (work_: () => void) => {
  const began = performance.now();
  work_();
  return (performance.now() - began) / 1000;
};

const SYSTEMS: { name: string; mkfs: string[]; dump: (image: string) => string[] }[] = [
  { name: 'ext4', mkfs: ['mkfs.ext4', '-q', '-F'], dump: (image) => ['dumpe2fs', image] },
  { name: 'NTFS', mkfs: ['mkfs.ntfs', '-F', '-Q', '-q'], dump: (image) => ['ntfsinfo', '-m', image] },
  { name: 'exFAT', mkfs: ['mkfs.exfat'], dump: (image) => ['dump.exfat', image] },
  { name: 'XFS', mkfs: ['mkfs.xfs', '-q', '-f'], dump: (image) => ['xfs_db', '-r', '-c', 'freesp', image] },
  {
    name: 'Btrfs',
    mkfs: ['mkfs.btrfs', '-q', '-f'],
    dump: (image) => ['btrfs', 'inspect-internal', 'dump-tree', '-t', 'extent', image],
  },
];

function usedMaps(): string[] {
  return SYSTEMS.map(({ name, mkfs, dump }) => {
    const image = join(work, name);
    writeFileSync(image, '');
    truncateSync(image, 2 * TB);
    run(mkfs[0], ...mkfs.slice(1), image);
    const theirs: number[] = [];
    const ours: number[] = [];
    let peak = 0;
    for (let round = 0; round < rounds; round++) {
      dropCaches();
      const [tool, ...args] = dump(image);
      theirs.push(seconds(() => run(tool, ...args)));
      dropCaches();
      const child = execFileSync(process.execPath, [join(import.meta.dirname, 'used-child.ts'), image], {
        encoding: 'utf8',
      });
      const measured = JSON.parse(child) as { seconds: number; peakMegabytes: number; captureAs: string };
      if (measured.captureAs !== 'used-blocks') throw new Error(`${name}: ${child}`);
      ours.push(measured.seconds);
      peak = Math.max(peak, measured.peakMegabytes);
    }
    rmSync(image);
    const [a, b] = [median(theirs), median(ours)];
    const row = `| ${name} | \`${dump('IMAGE').join(' ')}\` | ${a.toFixed(2)} s | ${b.toFixed(2)} s | ${(b / a).toFixed(1)} | ${peak.toFixed(0)} MB |`;
    console.log(row);
    return row;
  });
}

async function folder(): Promise<string[]> {
  const image = join(work, 'folder.img');
  writeFileSync(image, '');
  truncateSync(image, 1e9);
  run('mkfs.ext4', '-q', '-F', image);
  const point = join(work, 'point');
  mkdirSync(point);
  run('mount', '-o', 'loop', image, point);
  mkdirSync(join(point, 'many'));
  for (let i = 0; i < 10_000; i++) writeFileSync(join(point, 'many', `file number ${i}.txt`), `${i}`);
  run('umount', point);

  const engine = await startEngine({
    catalogPath: join(work, 'catalog'),
    version: '0.0.0',
    resourcesPath: fileURLToPath(new URL('../../resources', import.meta.url)),
  });
  const client = engine.client();
  const { planId } = await client.call('capture.plan', { source: image, name: 'folder' });
  const { jobId } = await client.call('capture.start', { planId });
  while ((await client.call('job.show', { jobId })).state !== 'ended')
    await new Promise((resolve) => setTimeout(resolve, 50));

  const theirs: number[] = [];
  const ours: number[] = [];
  const again: number[] = [];
  for (let round = 0; round < rounds; round++) {
    run('mount', '-o', 'loop,ro,noload', image, point);
    dropCaches();
    theirs.push(seconds(() => run('ls', '-l', join(point, 'many'))));
    run('umount', point);
    dropCaches();
    // another version of the same: nothing of it is open yet
    const other = await startEngine({
      catalogPath: join(work, 'catalog'),
      version: '0.0.0',
      resourcesPath: fileURLToPath(new URL('../../resources', import.meta.url)),
    });
    const asked = other.client();
    for (const times of [ours, again]) {
      const began = performance.now();
      const { total } = await asked.call('files.list', {
        template: 'folder',
        volume: '0',
        path: '/many',
        limit: 10_000,
      });
      if (total !== 10_000) throw new Error(`${total} files`);
      times.push((performance.now() - began) / 1000);
    }
    await other.close();
  }
  await engine.close();
  return [
    `| \`ls -l\` on a mount, caches dropped | ${median(theirs).toFixed(2)} s |`,
    `| inside a template, caches dropped, first look | ${median(ours).toFixed(2)} s |`,
    `| inside a template, again | ${median(again).toFixed(2)} s |`,
  ];
}

try {
  const maps = usedMaps();
  const listing = await folder();
  const text = [
    '# Looking: measured',
    '',
    `Made by \`npm run bench -- look --rounds ${rounds}\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0].model}, Node ${process.version}. Page caches`,
    'dropped before each; alternating; medians. Ours without the start of Node, theirs as whole programs.',
    '',
    '## Used-block maps of 2 TB, sparse, empty',
    '',
    '| file system | rival | rival takes | Diskpress takes | ratio (aim ≤ 2) | peak memory (aim < 300 MB) |',
    '| --- | --- | --- | --- | --- | --- |',
    ...maps,
    '',
    '## A folder of 10,000 files',
    '',
    '| what | time |',
    '| --- | --- |',
    ...listing,
    '',
  ].join('\n');
  writeFileSync(join(import.meta.dirname, 'LOOK.md'), text);
  console.log(text);
} finally {
  rmSync(work, { recursive: true, force: true });
}
