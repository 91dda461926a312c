/** Containers of other programs, made by these programs: each is refused by its name, none is taken for a raw disk. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { noise } from '../../support/disks.ts';
import { MIB, workbench } from '../../support/workbench.ts';
import { openImage } from './virtual-disks.ts';

const bench = workbench();
const raw = bench.file('raw.img', 4 * MIB);
writeFileSync(raw, noise('a foreign container', 200_000), { flag: 'r+' });
mkdirSync(bench.path('tree'));
writeFileSync(bench.path('tree', 'file'), 'text\n');

const MADE: [name: string, tool: string, file: string, command: string][] = [
  ['QED image', 'qemu-img', 'a.qed', 'qemu-img convert -f raw -O qed raw.img a.qed'],
  ['Parallels disk', 'qemu-img', 'a.hds', 'qemu-img convert -f raw -O parallels raw.img a.hds'],
  ['EnCase image (E01)', 'ewfacquirestream', 'a.E01', 'ewfacquirestream -q -t a < raw.img'],
  ['AFF image', 'affconvert', 'a.aff', 'cp raw.img a.raw && affconvert -q -o a.aff a.raw'],
  ['WIM image', 'wimlib-imagex', 'a.wim', 'wimlib-imagex capture tree a.wim'],
  ['WIM image (pipable)', 'wimlib-imagex', 'b.wim', 'wimlib-imagex capture --pipable tree b.wim'],
  ['cloop image', 'create_compressed_fs', 'a.cloop', 'create_compressed_fs raw.img a.cloop'],
  ['cpio archive', 'cpio', 'a.cpio', 'echo raw.img | cpio -o -H newc > a.cpio'],
  ['cpio archive', 'cpio', 'b.cpio', 'echo raw.img | cpio -o -H odc > b.cpio'],
  ['ntfsclone image', 'ntfsclone', 'a.ntfs', 'truncate -s 8M n && mkfs.ntfs -q -F n && ntfsclone -s -o a.ntfs n'],
  ['ar archive', 'ar', 'a.deb', 'ar rc a.deb raw.img'],
  ['xar archive (PKG)', 'xar', 'a.xar', 'xar -cf a.xar tree'],
  ['zsync control file', 'zsyncmake', 'a.zsync', 'zsyncmake -o a.zsync -u x raw.img'],
];

function isThere(tool: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

test.for(MADE)('%s by %s: %s', async ([name, tool, file, command], { skip }) => {
  if (!isThere(tool)) return skip(`${tool} is not installed`);
  execFileSync('sh', ['-c', command], { cwd: bench.folder, stdio: 'pipe' });
  await expect(openImage(bench.path(file))).rejects.toMatchObject({
    code: 'FORMAT_FOREIGN',
    data: { format: name, path: file },
  });
});

test('a raw disk is none of them', async () => {
  await expect(openImage(raw)).rejects.toThrow('was not recognised');
});
