/** A made-up volume to look into: many kinds of things, a folder of ten thousand, texts, a picture, bytes. */
import type {
  Change,
  CommandResult,
  Comparison,
  ErrorView,
  FileEntryView,
  FileKind,
  FileVolumeView,
} from '../../../src-engine/contract/index.ts';

const START = Date.UTC(2025, 2, 3, 8, 40);

export type FakeFile = { entry: FileEntryView; entries?: FakeFile[]; content?: Uint8Array };

let made = 0;
function entry(name: string, kind: FileKind, more: Partial<FileEntryView> = {}): FileEntryView {
  made++;
  return {
    name,
    kind,
    lengthBytes: 0,
    modifiedAt: new Date(START + made * 5_000_011).toISOString(),
    mode: kind === 'folder' ? 0o755 : kind === 'link' ? 0o777 : 0o644,
    ownerId: 0,
    groupId: 0,
    linkCount: 1,
    linkTarget: null,
    ...more,
  };
}
const folder = (name: string, entries: FakeFile[], more: Partial<FileEntryView> = {}): FakeFile => ({
  entry: entry(name, 'folder', more),
  entries,
});
const file = (name: string, content: Uint8Array | string | number, more: Partial<FileEntryView> = {}): FakeFile => {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  if (typeof bytes === 'number') return { entry: entry(name, 'file', { lengthBytes: bytes, ...more }) };
  return { entry: entry(name, 'file', { lengthBytes: bytes.length, ...more }), content: bytes };
};
const link = (name: string, linkTarget: string): FakeFile => ({ entry: entry(name, 'link', { linkTarget }) });

const FSTAB = `# /etc/fstab: static file system information.
#
# <file system>  <mount point>  <type>  <options>          <dump>  <pass>
UUID=1f3a9c0e-77d1-4a54-9c0e-5b9d6f2f8a11  /          ext4  errors=remount-ro  0  1
UUID=6A2B-91C4                             /boot/efi  vfat  umask=0077         0  1
UUID=0c1e7f6a-2d44-4b0f-8f53-2f9f3c9d7c10  none       swap  sw                 0  0
/dev/sr0  /media/cdrom0  udf,iso9660  user,noauto  0  0
`;
const utf16 = (text: string) =>
  new Uint8Array([0xff, 0xfe, ...[...text].flatMap((one) => [one.charCodeAt(0) & 0xff, one.charCodeAt(0) >> 8])]);
const log = Array.from(
  { length: 900 },
  (_, i) =>
    `[\x1b[32m  OK  \x1b[0m] ${String(i).padStart(6)}.${i % 1000} Started unit-${i}.service - Measuring station.`,
).join('\n');
const binary = Uint8Array.from({ length: 9_000 }, (_, i) =>
  i < 64 ? 'ELF of node 4, not stripped. '.charCodeAt(i % 29) : i * 7919,
);

/** Drawn, so that it is a real one. */
function picture(): Uint8Array {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [640, 400];
  const pen = canvas.getContext('2d');
  if (!pen) return new Uint8Array();
  const sky = pen.createLinearGradient(0, 0, 0, 400);
  sky.addColorStop(0, '#20405f');
  sky.addColorStop(1, '#e6a06a');
  pen.fillStyle = sky;
  pen.fillRect(0, 0, 640, 400);
  pen.fillStyle = '#142433';
  for (let i = 0; i < 9; i++) pen.fillRect(i * 74, 260 - ((i * 53) % 90), 66, 200);
  return Uint8Array.from(atob(canvas.toDataURL('image/png').split(',')[1]), (one) => one.charCodeAt(0));
}

const ROOT = folder('', [
  folder('bin', [], { linkCount: 2 }),
  folder('boot', [file('vmlinuz-6.1.0-25-amd64', binary), file('initrd.img-6.1.0-25-amd64', 38_112_221)]),
  folder('dev', [
    { entry: entry('console', 'character-device', { mode: 0o600 }) },
    { entry: entry('sda', 'block-device', { mode: 0o660, groupId: 6 }) },
    { entry: entry('initctl', 'fifo', { mode: 0o600 }) },
    { entry: entry('log', 'socket', { mode: 0o666 }) },
  ]),
  folder('etc', [
    folder('apt', [file('sources.list', 'deb http://deb.debian.org/debian bookworm main\n')]),
    file('fstab', FSTAB),
    file('hostname', 'lab-07\n'),
    file('machine-id', '', { mode: 0o444 }),
    link('mtab', '../proc/self/mounts'),
    file('shadow', 'root:!:19700:0:99999:7:::\n', { mode: 0o640, groupId: 42 }),
    file(
      'registry-export.reg',
      utf16('Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE]\r\n'),
    ),
  ]),
  folder('home', [
    folder('student', [
      folder('empty', []),
      folder(
        'measurements',
        Array.from({ length: 10_000 }, (_, i) =>
          file(`run ${String(i).padStart(5, '0')}.csv`, (i * 7919) % 900_000, { ownerId: 1000, groupId: 1000 }),
        ),
      ),
      folder('damaged', []),
      folder('projects', [
        folder('2025', [
          folder('sensor board', [
            folder('firmware', [folder('src', [folder('drivers', [file('adc.c', '#include "adc.h"\n')])])]),
          ]),
        ]),
      ]),
      file('boot.log', log),
      file('panorama.png', picture()),
      file(
        'été à la montagne, très long nom de fichier qui ne tient pas dans la colonne même quand la fenêtre est large.txt',
        'Bonjour.\n',
      ),
      file('invoice\u202egpj.exe', binary, { mode: 0o4755 }),
      file('notes.txt', 'Course material: ask Mara.\n', { ownerId: 1000, groupId: 1000, linkCount: 3 }),
    ]),
  ]),
  link('initrd.img', 'boot/initrd.img-6.1.0-25-amd64'),
  link('lib', 'usr/lib'),
  folder('proc', []),
  folder('tmp', [], { mode: 0o1777 }),
  folder('usr', []),
  folder('var', []),
  link('vmlinuz', 'boot/vmlinuz-6.1.0-25-amd64'),
]);

export class FileError extends Error {
  readonly view: ErrorView;
  constructor(code: ErrorView['code'], data: ErrorView['data']) {
    super(code);
    this.view = { code, message: code, hint: '', data };
  }
}

function at(path: string): FakeFile {
  let now: FakeFile = ROOT;
  for (const name of path.split('/').filter(Boolean)) {
    const next = now.entries?.find((one) => one.entry.name === name);
    if (!next) throw new FileError('NOT_FOUND', { path });
    now = next;
  }
  if (now.entry.name === 'damaged') throw new FileError('FORMAT_INVALID', { field: 'inode', value: 4711 });
  return now;
}

type ListParams = { path: string; sort?: string; isDescending?: boolean; offset?: number; limit?: number };
export function listFolder({
  path,
  sort = 'name',
  isDescending,
  offset = 0,
  limit = 1000,
}: ListParams): CommandResult<'files.list'> {
  const { entry: self, entries } = at(path);
  if (!entries) return { self, entries: [self], total: 1, isCut: false, escapedNames: 0 };
  const sign = isDescending ? -1 : 1;
  const by = (a: FileEntryView, b: FileEntryView) => {
    if (sort === 'size') return a.lengthBytes - b.lengthBytes;
    return sort === 'modified'
      ? String(a.modifiedAt).localeCompare(String(b.modifiedAt))
      : a.name.localeCompare(b.name);
  };
  const sorted = entries
    .map((one) => one.entry)
    .sort((a, b) => Number(b.kind === 'folder') - Number(a.kind === 'folder') || sign * by(a, b));
  return { self, entries: sorted.slice(offset, offset + limit), total: sorted.length, isCut: false, escapedNames: 0 };
}

export function readFile({
  path,
  maxBytes = 65_536,
}: {
  path: string;
  maxBytes?: number;
}): CommandResult<'files.read'> {
  const { content, entry: self } = at(path);
  const all = content ?? Uint8Array.from({ length: Math.min(self.lengthBytes, maxBytes) }, (_, i) => (i * 31) % 256);
  const part = all.subarray(0, maxBytes);
  return {
    lengthBytes: self.lengthBytes,
    base64: btoa(Array.from(part, (byte) => String.fromCharCode(byte)).join('')),
  };
}

const GIB = 2 ** 30;
export const VOLUMES: FileVolumeView[] = [
  { ref: '1', label: 'EFI', kind: 'fat32', lengthBytes: GIB / 2, usedBytes: 6.1e6, refusal: null },
  { ref: '2', label: 'debian-root', kind: 'ext4', lengthBytes: 153.6e9, usedBytes: 31.2e9, refusal: null },
  {
    ref: '3',
    label: '',
    kind: 'swap',
    lengthBytes: 8 * GIB,
    usedBytes: 4096,
    refusal: { code: 'NO_FILE_SYSTEM', message: '', hint: '', data: { volume: '3' } },
  },
];

function change(i: number): Change {
  const kinds = ['added', 'changed', 'changed', 'removed'] as const;
  const kind = kinds[i % 4];
  const places = ['/var/lib/dpkg/info', '/usr/lib/python3/dist-packages', '/home/student/measurements', '/etc'];
  const beforeBytes = kind === 'added' ? null : (i * 7919) % 900_000;
  const afterBytes = kind === 'removed' ? null : (i * 104_729) % 1_200_000;
  const name = `${['libssl3', 'run', 'station', 'report'][i % 4]}-${i}.${['list', 'csv', 'py', 'conf'][i % 4]}`;
  return { volume: '2', path: `${places[i % 4]}/${name}`, kind: 'file', change: kind, beforeBytes, afterBytes };
}

export const COMPARISON: Comparison = {
  added: { files: 3_812, lengthBytes: 412e6 },
  changed: { files: 7_204, lengthBytes: 1.9e9 },
  removed: { files: 3_411, lengthBytes: 96e6 },
  unchanged: { files: 214_377, lengthBytes: 27.4e9 },
  changes: Array.from({ length: 10_000 }, (_, i) => change(i)),
  isCut: true,
  notCompared: ['3'],
};
