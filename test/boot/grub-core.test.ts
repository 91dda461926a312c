/** GRUB's core for BIOS, installed by GRUB's own tool with its sums against damage, starts with the identifier that was put into it. */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFileSource } from '../../src-engine/formats/raw/file-source.ts';
import { IdForms } from '../../src-engine/identifiers/forms.ts';
import { corePatches, packedCore, readGrubCore, unpackedCore } from '../../src-engine/identifiers/grub-core.ts';
import { canLoop, MIB, run, runWithInput, workbench } from '../support/workbench.ts';

const bench = workbench();
const OLD = '0a1b2c3d-1111-4222-8333-00000000000f';
const NEW = 'c0ffee00-5555-4666-9777-aaaaaaaaaaaa';
const MODULES = ['biosdisk', 'part_msdos', 'ext2', 'serial', 'terminal', 'echo', 'sleep', 'normal', 'search_fs_uuid'];
const TIMEOUT_MS = 120_000;

/** An MBR with one ext2, and GRUB in the gap before it. */
function grubDisk(): string {
  const disk = bench.file('disk', 32 * MIB);
  runWithInput('label: dos\nstart=2048, type=83\n', 'sfdisk', '-q', disk);
  const [whole, part] = [bench.attach(disk), bench.attach(disk, '--offset', String(MIB))];
  run('mkfs.ext2', '-q', part);
  const folder = join(bench.mount(part, 'rw'), 'boot', 'grub', 'i386-pc');
  mkdirSync(folder, { recursive: true });
  writeFileSync(bench.path('first.cfg'), `serial\nterminal_output serial\necho names ${OLD} and no other\nsleep 600\n`);
  const core = join(folder, 'core.img');
  run('grub-mkimage', '-O', 'i386-pc', '-c', bench.path('first.cfg'), '-p', '/boot/grub', '-o', core, ...MODULES);
  cpSync('/usr/lib/grub/i386-pc/boot.img', join(folder, 'boot.img'));
  cpSync(core, bench.path('core.img'));
  writeFileSync(bench.path('devices'), `(hd0) ${whole}\n(hd1) ${part}\n`);
  const setup = '/usr/lib/grub/i386-pc/grub-bios-setup';
  run(setup, '-s', '-f', '-d', folder, '-m', bench.path('devices'), whole);
  bench.unmount(join(folder, '..', '..', '..'));
  for (const device of [whole, part]) bench.detach(device);
  return disk;
}

/** What it says on its serial line, up to a sign. */
async function saidBy(disk: string, sign: RegExp): Promise<string> {
  const machine = spawn('qemu-system-x86_64', [
    ...['-machine', 'pc,accel=tcg', '-m', '128', '-display', 'none', '-serial', 'stdio', '-monitor', 'none'],
    ...['-no-reboot', '-nic', 'none', '-snapshot', '-drive', `file=${disk},format=raw`],
  ]);
  const deadline = setTimeout(() => machine.kill('SIGKILL'), TIMEOUT_MS);
  let said = '';
  try {
    for await (const text of machine.stdout.setEncoding('utf8') as AsyncIterable<string>) {
      said += text;
      if (sign.test(said)) break;
    }
    return said;
  } finally {
    clearTimeout(deadline);
    machine.kill('SIGKILL');
  }
}

test.skipIf(!canLoop)('packed anew in its place', { timeout: 2 * TIMEOUT_MS }, async () => {
  const disk = grubDisk();
  const { signal } = new AbortController();
  const forms = new IdForms([{ format: 'uuid', before: OLD, after: NEW }]);
  const source = await openFileSource(disk, { lengthBytes: 32 * MIB, sectorBytes: 512, physicalSectorBytes: 512 });
  const core = (await readGrubCore(source))!;
  await source.close();
  // GRUB's own copy, from which its tool installs it, is read as well
  const copy = await unpackedCore(readFileSync(bench.path('core.img')));
  expect(copy.content!.equals(core.content!)).toBe(true);
  const content = forms.replaced(core.content!, new Set([0]))!;
  const patches = corePatches(core, await packedCore(core, content, signal))!;
  const file = openSync(disk, 'r+');
  for (const { offsetBytes, bytes } of patches) writeSync(file, bytes, 0, bytes.length, offsetBytes);
  expect(await saidBy(disk, /and no other/)).toContain(`names ${NEW} and no other`);
});
