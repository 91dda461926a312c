/**
 * Containers of other programs, known by their marks, so that none is taken for a raw disk. They are refused by name, with a tool
 * that turns them into something that is read here. Where each mark is from stands beside it; "file" is file(1), Magdir, "QEMU" its block
 * drivers. Marks that nobody else knows are not here.
 */
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';

export interface ForeignFormat {
  /** in the field's words */
  readonly name: string;
  /** what makes a disk image of it; '' where it holds none, or where only its own program can */
  readonly tool: string;
}

interface Mark extends ForeignFormat {
  readonly bytes: Buffer;
  /** where the bytes stand; below 0: counted from the end of the file */
  readonly at: number;
}

const mark = (name: string, tool: string, bytes: string | Buffer, at = 0): Mark => ({
  name,
  tool,
  bytes: typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes,
  at,
});
const hex = (digits: string) => Buffer.from(digits, 'hex');

const QEMU = 'qemu-img convert';
const DISC_JUGGLER = 'DiscJuggler image (CDI)';

/** Marks at the beginning lie within {@link HEAD_BYTES}, those at the end within {@link TAIL_BYTES}. */
const MARKS: readonly Mark[] = [
  // libewf, libewf_segment_file.c (ewf1_evf_, ewf2_evf_, ewf1_lvf_ and ewf2_lef_file_signature); the first is in file, too
  mark('EnCase image (E01)', 'ewfexport', hex('455646090d0aff00')),
  mark('EnCase image (Ex01)', 'ewfexport', hex('455646320d0a8100')),
  mark('EnCase logical evidence (L01)', 'ewfexport', hex('4c5646090d0aff00')),
  mark('EnCase logical evidence (Lx01)', 'ewfexport', hex('4c4546320d0a8100')),
  // AFFLIB, lib/afflib.h (AF_HEADER)
  mark('AFF image', 'affconvert', 'AFF10\r\n\0'),
  // QEMU: parallels.c, qed.h, bochs.c; the last two are in file, too
  mark('Parallels disk', QEMU, 'WithoutFreeSpace'),
  mark('Parallels disk', QEMU, 'WithouFreSpacExt'),
  mark('QED image', QEMU, 'QED\0'),
  mark('Bochs disk', QEMU, 'Bochs Virtual HD Image\0'),
  // QEMU: cloop.c for version 2; cloop, cloop.h for the others
  mark('cloop image', 'extract_compressed_fs', '#!/bin/sh\n#V2.0 Format'),
  mark('cloop image', 'extract_compressed_fs', '#!/bin/sh\n#V1.0 Format'),
  mark('cloop image', 'extract_compressed_fs', '#!/bin/sh\n#V3.00 Format'),
  // QEMU: vmdk.c (VMDK3_MAGIC, SESPARSE_CONST_HEADER_MAGIC, a little-endian number of 64 bits)
  mark('VMFS sparse disk (COWD)', 'vmkfstools', 'COWD\x01\0\0\0'),
  mark('VMFS sparse disk (SEsparse)', 'vmkfstools', hex('bebafeca00000000')),
  // wimlib, include/wimlib/header.h; file
  mark('WIM image', 'wimlib-imagex apply', 'MSWIM\0\0\0'),
  mark('WIM image (pipable)', 'wimlib-imagex apply', 'WLPWM\0\0\0'),
  // QEMU: dmg.c, which looks for it at the end; older images have it in front (VirtualBox, DMG.cpp)
  mark('Apple disk image (DMG)', 'dmg2img', 'koly\0\0\0\x04\0\0\x02\0', -512),
  mark('Apple disk image (DMG)', 'dmg2img', 'koly\0\0\0\x04\0\0\x02\0'),
  // vfdecrypt and John the Ripper, dmg2john: version 2 in front, version 1 as the last eight bytes
  mark('encrypted Apple disk image (DMG)', 'hdiutil convert', 'encrcdsa'),
  mark('encrypted Apple disk image (DMG)', 'hdiutil convert', 'cdsaencr', -8),
  // apfs-fuse, DeviceSparseImage.cpp (0x73707273, then a version); dissect.hypervisor, disk/asif
  mark('Apple sparse image', 'hdiutil convert', 'sprs\0\0\0'),
  mark('Apple sparse image (ASIF)', 'diskutil image', 'shdw\0\0\0'),
  // file
  mark('Norton Ghost image', 'Ghost', hex('feef01')),
  // Gary Kessler's table of file signatures: current and early versions
  mark('Acronis image (TIB)', 'Acronis True Image', hex('ce24b9a2')),
  mark('Acronis image (TIB)', 'Acronis True Image', hex('b46e6844')),
  // Macrium, "MRIMGX file layout" (footer); images of version 7 and before end with a text of forty bytes
  mark('Macrium Reflect image', 'Macrium Reflect', 'MACRIUM_FILE', -12),
  mark('Macrium Reflect image', 'Macrium Reflect', '__79241006_2651_11D4_', -40),
  // file; fsarchiver, src/fsarchiver.h (FSA_MAGIC_VOLH); file
  mark('Partimage image', 'partimage restore', 'PaRtImAgE-VoLuMe'),
  mark('FSArchiver archive', 'fsarchiver restfs', 'FsA0'),
  // e2fsprogs, lib/ext2fs/e2image.h; xfsprogs, xfs_metadump.h; btrfs-progs, image/metadump.h: all but the content of files
  mark('image of the metadata of ext (e2image)', '', hex('10b72b7f45787432')),
  mark('image of the metadata of XFS (xfs_metadump)', '', 'XFSM'),
  mark('image of the metadata of XFS (xfs_metadump)', '', 'XMD2'),
  mark('image of the metadata of Btrfs (btrfs-image)', '', hex('8b669572e2255cbd')),
  // file
  mark('stream of Btrfs (btrfs send)', 'btrfs receive', 'btrfs-stream\0'),
  mark('dump of XFS (xfsdump)', 'xfsrestore', 'xFSdump0'),
  mark('ntfsclone image', 'ntfsclone --restore-image', '\0ntfsclone-image'),
  // zsync, make.c (the first line that zsyncmake writes); Proxmox, vma_spec.txt (version 1); file
  mark('zsync control file', 'zsync', 'zsync: '),
  mark('Proxmox archive (VMA)', 'vma extract', 'VMA\0\0\0\0\x01'),
  mark('CHD image', 'chdman extracthd', 'MComprHD'),
  // file, the first three; uif2iso (BBIS_SIGN, in the last 64 bytes)
  mark('PowerISO image (DAA)', 'PowerISO', 'DAA\0'),
  mark('compressed ISO image (ISZ)', 'UltraISO', 'IsZ!'),
  mark('compressed ISO image (CISO)', 'ciso', 'CISO'),
  mark('MagicISO image (UIF)', 'MagicISO', 'bbis', -64),
  // libcdio, lib/driver/image/nrg.c (footers of Nero 5.0 and 5.5); libmirage, images/image-mds/parser.c, images/image-b6t/parser.c;
  // cdirip (CDI_V2, CDI_V3, CDI_V35); CCD: DiscImageCreator, WriteCcdForDisc
  mark('Nero image (NRG)', 'nrg2iso', 'NER5', -12),
  mark('Nero image (NRG)', 'nrg2iso', 'NERO', -8),
  mark(DISC_JUGGLER, 'cdi2iso', hex('04000080'), -8),
  mark(DISC_JUGGLER, 'cdi2iso', hex('05000080'), -8),
  mark(DISC_JUGGLER, 'cdi2iso', hex('06000080'), -8),
  mark('description of a medium (MDS)', 'mdf2iso', 'MEDIA DESCRIPTOR'),
  mark('BlindWrite image', 'BlindWrite', 'BWT5 STREAM SIGN'),
  mark('description of a medium (CCD)', 'ccd2iso', '[CloneCD]'),
  // ECMA-130, 14.2: the synchronization of a sector
  mark('compact disc, raw sectors of 2352 bytes (BIN, MDF, IMG)', 'bchunk', hex('00ffffffffffffffffffff00')),
  // Android Open Source Project: bootimg.h; update_engine, payload_constants.cc (kDeltaMagic, then a version of 64 bits, the high byte first)
  mark('Android boot image', '', 'ANDROID!'),
  mark('Android boot image', '', 'VNDRBOOT'),
  mark('Android update (payload.bin)', 'payload-dumper-go', 'CrAU\0\0\0\0'),
  // file
  mark('cpio archive', 'cpio -i', '070701'),
  mark('cpio archive', 'cpio -i', '070702'),
  mark('cpio archive', 'cpio -i', '070707'),
  mark('RAR archive', 'unrar', 'Rar!\x1a\x07'),
  mark('cabinet file (CAB)', 'cabextract', 'MSCF\0\0\0\0'),
  mark('ar archive', 'ar x', '!<arch>\n'),
  mark('RPM package', 'rpm2cpio', hex('edabeedb')),
  mark('xar archive (PKG)', 'xar -x', 'xar!\0\x1c'),
];

const HEAD_BYTES = 64;
const TAIL_BYTES = 512;
/** A cue sheet names the file that the medium is in. */
const CUE_SHEET =
  /^(\xef\xbb\xbf)?\s*(REM [^\n]*\n\s*|CATALOG [^\n]*\n\s*|TITLE [^\n]*\n\s*|PERFORMER [^\n]*\n\s*)*FILE "[^"\n]+" (BINARY|MOTOROLA|WAVE|MP3|AIFF)/;
const CUE_BYTES = 4096;

/** @returns null where no mark is known @throws EngineError `READ_FAILED` */
async function foreignFormatOf(file: BlockSource): Promise<ForeignFormat | null> {
  const { lengthBytes } = file;
  const head = await readBytes(file, 0, Math.min(HEAD_BYTES, lengthBytes));
  const tailBytes = Math.min(TAIL_BYTES, lengthBytes);
  const tail = await readBytes(file, lengthBytes - tailBytes, tailBytes);
  const found = MARKS.find((one) => {
    const place = one.at < 0 ? tail.length + one.at : one.at;
    const isThere = (one.at < 0 ? tail : head).subarray(Math.max(0, place)).indexOf(one.bytes) === 0;
    return place >= 0 && isThere && (one.name !== DISC_JUGGLER || isCdi(tail, lengthBytes));
  });
  if (found) return { name: found.name, tool: found.tool };
  const text = (await readBytes(file, 0, Math.min(CUE_BYTES, lengthBytes))).toString('latin1');
  return CUE_SHEET.test(text) ? { name: 'description of a medium (CUE)', tool: 'bchunk' } : null;
}

/** The last four bytes say where the description is: a length from the end, in earlier versions an offset. */
function isCdi(tail: Buffer, lengthBytes: number): boolean {
  const place = tail.readUInt32LE(tail.length - 4);
  return place > 0 && place < lengthBytes;
}

/**
 * @param path of the file, for words
 * @throws EngineError `FORMAT_FOREIGN` with {path, format, tool} where it is a container of another program
 */
export async function refuseForeign(file: BlockSource, path: string): Promise<void> {
  const foreign = await foreignFormatOf(file);
  if (foreign) throw foreignError(foreign, path);
}

export function foreignError({ name, tool }: ForeignFormat, path: string): EngineError {
  return new EngineError('FORMAT_FOREIGN', { path, format: name, tool });
}

/** Archives and folders whose members tell what they are. */
const BY_MEMBERS: readonly (ForeignFormat & { readonly members: readonly RegExp[] })[] = [
  { name: 'AFF4 image', tool: 'aff4imager', members: [/^information\.turtle$/, /^container\.description$/] },
  { name: 'Xen virtual appliance (XVA)', tool: 'xva-img', members: [/^ova\.xml$/, /^Ref:\d+\//] },
  { name: 'container image (OCI)', tool: '', members: [/^oci-layout$/, /^index\.json$/] },
  { name: 'container image (Docker)', tool: '', members: [/^manifest\.json$/, /\/?layer\.tar$/] },
  { name: 'Parallels disk', tool: QEMU, members: [/^DiskDescriptor\.xml$/] },
  { name: 'Apple sparse bundle', tool: 'hdiutil convert', members: [/^Info\.plist$/, /^(bands|token)(\/|$)/] },
];

/** @param names of an archive's members or a folder's files @returns null where nothing is told by them */
export function foreignByMembers(names: readonly string[]): ForeignFormat | null {
  const plain = names.map((name) => name.replace(/^\.\//, ''));
  return BY_MEMBERS.find(({ members }) => members.every((member) => plain.some((name) => member.test(name)))) ?? null;
}
