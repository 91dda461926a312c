/** Containers of other programs, made by these programs: each is refused by its name, none is taken for a raw disk. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { UNPACK_LIMITS } from '../../../src-engine/archive/sparse-file.ts';
import { findImage } from '../../../src-engine/images/find-image.ts';
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
  [
    'image of the metadata of ext (e2image)',
    'e2image',
    'a.e2i',
    'truncate -s 4M e && mkfs.ext4 -q -F e && e2image e a.e2i',
  ],
  [
    'image of the metadata of XFS (xfs_metadump)',
    'xfs_metadump',
    'a.xmd',
    'truncate -s 320M x && mkfs.xfs -q -f x && xfs_metadump -f x a.xmd; rm x; test -s a.xmd',
  ],
  [
    'image of the metadata of Btrfs (btrfs-image)',
    'btrfs-image',
    'a.bimg',
    'truncate -s 120M b && mkfs.btrfs -q b && btrfs-image b a.bimg',
  ],
  ['ar archive', 'ar', 'a.deb', 'ar rc a.deb raw.img'],
  ['xar archive (PKG)', 'bsdtar', 'a.xar', 'bsdtar --format=xar -cf a.xar tree'],
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

/** Of programs that Debian has not: what their makers' and readers' sources say of the first and last bytes. */
const WRITTEN: [name: string, head: string | Buffer, tail?: string | Buffer][] = [
  ['EnCase image (Ex01)', Buffer.from('455646320d0a810002010000', 'hex')],
  ['EnCase logical evidence (L01)', Buffer.from('4c5646090d0aff0001010000', 'hex')],
  ['EnCase logical evidence (Lx01)', Buffer.from('4c4546320d0a810002010000', 'hex')],
  ['Apple disk image (DMG)', '', koly()],
  ['Apple disk image (DMG)', koly()],
  ['encrypted Apple disk image (DMG)', 'encrcdsa\0\0\0\x02'],
  ['encrypted Apple disk image (DMG)', '', 'cdsaencr'],
  ['Apple sparse image', 'sprs\0\0\0\x03\0\0\x08\0'],
  ['Apple sparse image (ASIF)', 'shdw\0\0\0\x01\0\0\x02\0'],
  ['Norton Ghost image', Buffer.from('feef0101', 'hex')],
  ['Acronis image (TIB)', Buffer.from('ce24b9a220000000', 'hex')],
  ['Macrium Reflect image', '', '\0\x10\0\0\0\0\0\0MACRIUM_FILE'],
  ['Macrium Reflect image', '', '__79241006_2651_11D4_'.padEnd(40, '\0')],
  ['FSArchiver archive', 'FsA0'],
  ['Proxmox archive (VMA)', 'VMA\0\0\0\0\x01'],
  ['MagicISO image (UIF)', '', 'bbis'.padEnd(64, '\0')],
  ['Nero image (NRG)', '', Buffer.concat([Buffer.from('NER5'), Buffer.alloc(8, 1)])],
  ['DiscJuggler image (CDI)', '', Buffer.from('0600008000100000', 'hex')],
  ['Nero image (NRG)', '', Buffer.concat([Buffer.from('NERO'), Buffer.alloc(4, 1)])],
  ['description of a medium (MDS)', 'MEDIA DESCRIPTOR\x01\x05'],
  ['description of a medium (CCD)', '[CloneCD]\r\nVersion=3\r\n'],
  ['BlindWrite image', 'BWT5 STREAM SIGN'],
  ['stream of Btrfs (btrfs send)', 'btrfs-stream\0\x01\0\0\0'],
  ['dump of XFS (xfsdump)', 'xFSdump0\0\0\0\x03'],
  ['image of the metadata of XFS (xfs_metadump)', 'XMD2\0\0\0\0'],
  ['Android update (payload.bin)', 'CrAU\0\0\0\0\0\0\0\x02'],
];

function koly(): Buffer {
  const trailer = Buffer.alloc(512);
  trailer.write('koly', 'latin1');
  trailer.writeUInt32BE(4, 4);
  trailer.writeUInt32BE(512, 8);
  return trailer;
}

test.each(WRITTEN)('%s by its marks: %j %j', async (name, head, tail = '') => {
  const bytes = noise(name, 300_000);
  Buffer.from(head as string, 'latin1').copy(bytes);
  const end = Buffer.from(tail as string, 'latin1');
  end.copy(bytes, bytes.length - end.length);
  writeFileSync(bench.path('written'), bytes);
  await expect(openImage(bench.path('written'))).rejects.toMatchObject({
    code: 'FORMAT_FOREIGN',
    data: { format: name },
  });
});

test.each([
  ['bzip2', 'bzip2 -c raw.img'],
  [
    'zlib',
    'python3 -c "import sys, zlib; sys.stdout.buffer.write(zlib.compress(open(\\"raw.img\\", \\"rb\\").read()))"',
  ],
  ['gzip', 'gzip -c raw.img'],
  ['xz', 'xz -0 -c raw.img'],
  ['lzfse', 'printf bvx2 && cat raw.img'],
  ['nothing', 'cat raw.img'],
])('a DMG whose first block is packed as %s is a DMG, by name and inside a zip', async (_, command) => {
  execFileSync('sh', ['-c', `${command} > a.dmg`], { cwd: bench.folder });
  writeFileSync(bench.path('a.dmg'), koly(), { flag: 'a' });
  execFileSync('sh', ['-c', 'rm -f a.zip && 7zz a -bd a.zip a.dmg || python3 -m zipfile -c a.zip a.dmg'], {
    cwd: bench.folder,
    stdio: 'pipe',
  });
  const { signal } = new AbortController();
  for (const file of ['a.dmg', 'a.zip']) {
    const folder = bench.path('scratch');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    const scratch = { folder, limits: UNPACK_LIMITS, signal, advance() {} };
    const request = { path: bench.path(file), entry: null, password: null, format: null };
    const error = await findImage(request, scratch, signal).catch((thrown) => thrown);
    expect(error, file).toMatchObject({ code: 'FORMAT_FOREIGN', data: { format: 'Apple disk image (DMG)' } });
  }
});

test('a raw disk is none of them', async () => {
  await expect(openImage(raw)).rejects.toThrow('was not recognised');
});
