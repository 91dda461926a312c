/** What a real system can start from: first file systems that real programs made of a real kernel's modules, judged by what these list. */
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { LINUX_DRIVERS } from '../../../src-engine/guest/drivers/driver-table.ts';
import { readFirstFileSystem } from '../../../src-engine/guest/drivers/first-file-system.ts';
import { canStartFrom, readGuestDrivers } from '../../../src-engine/guest/drivers/guest-drivers.ts';
import { DRIVER_BUSES } from '../../../src-engine/contract/drivers.contract.ts';
import { openVolumes } from '../../../src-engine/inspection/disk-inspection.ts';
import { guestInputOf } from '../../../src-engine/inspection/guest-of.ts';
import { fileSource } from '../../support/file-source.ts';
import { withoutOthersMounts } from '../../support/others-mounts.ts';
import { realGuest } from '../../support/real-guests.ts';
import { run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const signal = new AbortController().signal;
let guest: Awaited<ReturnType<typeof realGuest>>;
/** where it is mounted */
let point = '';
let version = '';

beforeAll(async () => {
  guest = await realGuest(bench, 'trixie');
  if ('missing' in guest) return console.warn(`SKIPPED: a real Debian: ${guest.missing}`);
  point = bench.mount(guest.image, 'ro,loop');
  [version] = readdirSync(join(point, 'lib/modules'));
}, 200_000);

const named = (path: string) =>
  path
    .replace(/^.*\//, '')
    .replace(/\.ko.*$/, '')
    .replaceAll('-', '_');
const isModule = (path: string) => /\.ko(\.|$)/.test(path);

/** As its own tool lists it, whatever is packed how and behind what. */
function listed(tool: string, file: string): Set<string> {
  const text = execFileSync(tool, [file], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return new Set(
    text
      .split('\n')
      .map((line) => line.trim().split(/\s+/).at(-1)!)
      .filter(isModule)
      .map(named),
  );
}

/** Programs of this machine look for modules where those of its own kernel are: for the time of one of them, others lie there. */
function withModules(...command: string[]): void {
  const script =
    `${withoutOthersMounts(bench.folder).join('\n')}\n` +
    'mkdir -p /lib/modules && mount --bind "$0/lib/modules" /lib/modules && mount --bind "$0/boot" /boot && exec "$@"';
  run('unshare', '--mount', 'sh', '-c', script, point, ...command);
}

const read = async (file: string) => (await readFirstFileSystem(memorySource(readFileSync(file)), version, signal))!;

test('the system as it was installed', async (context) => {
  if ('missing' in guest) return context.skip(guest.missing);
  const source = await fileSource(guest.image);
  try {
    const input = await guestInputOf([{ source, opened: await openVolumes(source) }]);
    const [kernel] = await readGuestDrivers(input.volumes, signal);
    expect(kernel).toMatchObject({ version, firstFile: `/boot/initrd.img-${version}` });
    const inside = listed('lsinitramfs', join(point, `boot/initrd.img-${version}`));
    const builtIn = readFileSync(join(point, 'lib/modules', version, 'modules.builtin'), 'utf8')
      .split('\n')
      .map(named);
    const there = new Set([...inside, ...builtIn]);
    const judged = DRIVER_BUSES.filter((bus) =>
      LINUX_DRIVERS[bus].sets.some((set) => set.every((module) => there.has(module))),
    );
    expect(DRIVER_BUSES.filter((bus) => canStartFrom(kernel, bus))).toEqual(judged);
    expect(judged).toContain('virtio');
  } finally {
    await source.close();
  }
});

describe('made by', () => {
  let plain = '';
  let microcode = '';
  let judged: ReadonlySet<string> = new Set();

  beforeAll(() => {
    if ('missing' in guest) return;
    const folder = bench.path('initramfs-tools');
    run('cp', '-r', '/etc/initramfs-tools', folder);
    const own = 'printf "%s\\n" MODULES=list BUSYBOX=n FSTYPE=ext4 > "$0/conf.d/own"; echo virtio_blk > "$0/modules"';
    run('sh', '-c', own, folder);
    const made = bench.path('made');
    withModules('mkinitramfs', '-d', folder, '-c', 'gzip', '-o', made, version);
    judged = listed('lsinitramfs', made);
    plain = bench.path('plain');
    run('sh', '-c', 'gzip -dc "$0" > "$1"', made, plain);
    microcode = bench.path('microcode');
    const early = 'mkdir -p "$0/kernel/x86/microcode" && echo x > "$0/kernel/x86/microcode/x.bin" && cd "$0"';
    run('sh', '-c', `${early} && find . | cpio -o -H newc --quiet > "$1"`, bench.path('early'), microcode);
  }, 200_000);

  test.each([
    ['gzip', 'gzip -1'],
    ['xz', 'xz -0 --check=crc32'],
    ['zstd', 'zstd -q -1'],
    ['lz4', 'lz4 -l -1'],
    ['lzma', 'xz --format=lzma -0'],
    ['bzip2', 'bzip2 -1'],
    ['lzop', 'lzop -1'],
    ['nothing', 'cat'],
  ])('mkinitramfs, packed by %s behind microcode', async (name, packer) => {
    if ('missing' in guest) return;
    const file = bench.path(`initrd-${name}`);
    run('sh', '-c', `{ cat "$0"; ${packer} < "$1"; } > "$2"`, microcode, plain, file);
    const { modules: found, isWhole } = await read(file);
    expect(isWhole).toBe(true);
    expect([...found].sort()).toEqual([...judged].sort());
    expect(found).toContain('virtio_blk');
    expect(found).not.toContain('virtio_scsi');
  });

  test('dracut, for every machine', async () => {
    if ('missing' in guest) return;
    const file = bench.path('dracut.img');
    withModules(
      'dracut',
      '--quiet',
      '--force',
      '--no-hostonly',
      '--modules',
      'base kernel-modules',
      '--kver',
      version,
      file,
    );
    const { modules: found, isWhole } = await read(file);
    expect(isWhole).toBe(true);
    expect([...found].sort()).toEqual([...listed('lsinitrd', file)].sort());
    expect(found).toContain('virtio_scsi');
  });
});
