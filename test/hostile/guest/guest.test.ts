/** Hostile guests: mutated hives and text files. Whatever is in them: unknown or a value, never an exception. */
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { GuestSchema } from '../../../src-engine/contract/guest.contract.ts';
import type { FileNode, FileTree } from '../../../src-engine/filesystems/file-tree.port.ts';
import { loadEndOfLife } from '../../../src-engine/guest/end-of-life.ts';
import { inspectGuest } from '../../../src-engine/guest/inspect-guest.ts';
import { hive } from '../../support/guests.ts';
import { randomBelow, temporaryFolder } from '../../support/temporary.ts';
import { processorTimer } from '../../support/processor-time.ts';

const work = temporaryFolder();
const HUGE_BYTES = 10 * 1024 ** 3;
const MUTATIONS = Number(process.env.DISKPRESS_MUTATIONS ?? 1000);
const table = await loadEndOfLife(resolve(import.meta.dirname, '../../../resources/end-of-life.yaml'));

/** A file system whose only promise is the port's: files in memory by path. */
function memoryTree(files: Record<string, Buffer>, endless = ''): FileTree {
  const node = (id: string): FileNode | null => {
    const isFile = Object.hasOwn(files, id);
    if (!isFile && id !== '' && !Object.keys(files).some((path) => path.startsWith(`${id}/`))) return null;
    const kind = isFile ? 'file' : 'folder';
    const lengthBytes = isFile ? files[id].length : 0;
    return { id, kind, lengthBytes, modifiedMs: null, mode: null, ownerId: null, groupId: null, linkCount: 1 };
  };
  return {
    root: node('')!,
    async *list(folder) {
      const names = Object.keys(files).filter((path) => path.startsWith(`${folder.id}/`));
      const first = new Set(names.map((path) => path.slice(folder.id.length + 1).split('/')[0]));
      yield [...first].map((name) => ({ name, node: node(`${folder.id}/${name}`)! }));
    },
    find: async (folder, name) => node(`${folder.id}/${name}`),
    readLink: async () => '',
    async open(file) {
      // as long as it says, and made up on the way
      if (file.id === endless) {
        return {
          lengthBytes: HUGE_BYTES,
          readInto: async (_, into) => void into.fill(0x41),
          async *dataRuns() {},
        };
      }
      const bytes = files[file.id];
      return {
        lengthBytes: bytes.length,
        async readInto(offsetBytes, into) {
          into.set(bytes.subarray(offsetBytes, offsetBytes + into.length));
        },
        async *dataRuns() {},
      };
    },
    async *extents() {},
  };
}

async function inspect(files: Record<string, Buffer>, signal = new AbortController().signal) {
  return inspectTree(memoryTree(files), signal);
}

async function inspectTree(tree: FileTree, signal = new AbortController().signal) {
  const volume = { ref: '1', label: '', uuid: '', kind: 'ext4', tree, recognised: null };
  return GuestSchema.parse(await inspectGuest({ volumes: [volume], firstSectors: new Uint8Array(512) }, table, signal));
}

/** Overwrites, cuts or repeats, as the seed says. */
function mutated(bytes: Buffer, seed: number, within: (length: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  const below = randomBelow(seed);
  for (let i = 0; i <= below(8); i++) {
    const at = within(below(copy.length));
    const value = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x22, below(256)][below(8)];
    copy.fill(value, at, Math.min(copy.length, at + 1 + below(4)));
  }
  return below(10) === 0 ? copy.subarray(0, below(copy.length)) : copy;
}

test('mutated hives', async () => {
  const software = hive(work, {
    'Microsoft\\Windows NT\\CurrentVersion': {
      ProductName: 'Windows Server 2019',
      CurrentBuildNumber: '17763',
      InstallationType: 'Server',
    },
    'Microsoft\\Windows\\CurrentVersion\\Setup\\State': { ImageState: 'IMAGE_STATE_COMPLETE' },
  });
  const system = hive(work, {
    Select: { Current: 1 },
    'ControlSet001\\Services\\cloudbase-init': {},
    'ControlSet001\\Control\\ComputerName\\ComputerName': { ComputerName: 'A' },
  });
  // the base block matters in its first bytes only, and bins in what is filled
  const filled = (length: number) => (length < 4096 ? length % 48 : 4096 + (length % 2048));
  let unknown = 0;
  for (let seed = 0; seed < MUTATIONS; seed++) {
    const guest = await inspect({
      '/Windows/System32/config/SOFTWARE': mutated(software, seed, filled),
      '/Windows/System32/config/SYSTEM': mutated(system, seed + 1_000_000, filled),
    });
    expect(guest.family.value).toBe('windows');
    if (guest.release.value === null) unknown++;
  }
  expect(unknown).toBeGreaterThan(MUTATIONS / 20);
  expect(unknown).toBeLessThan(MUTATIONS);
});

test('a subkey list that lists itself ends', async () => {
  const bytes = hive(work, { 'Microsoft\\Windows NT\\CurrentVersion': { ProductName: 'x' } });
  const at = 4096 + bytes.readUInt32LE(4096 + 0x20 + 4 + 28) + 4;
  expect(bytes.toString('latin1', at, at + 2)).toMatch(/^l[fhi]$/);
  bytes.write('ri', at);
  bytes.writeUInt32LE(at - 4 - 4096, at + 4);
  const guest = await inspect({ '/Windows/System32/config/SOFTWARE': bytes });
  expect(guest.name.value).toBeNull();
});

test('mutated text files', async () => {
  const files: Record<string, string> = {
    '/etc/os-release': 'ID=ubuntu\nVERSION_ID="18.04"\nVERSION="18.04.6 LTS"\nPRETTY_NAME="Ubuntu 18.04.6 LTS"\n',
    '/etc/fstab': 'UUID=1 / ext4 defaults 0 1\n/dev/sda2 /boot ext4 ro 0 0\nLABEL="x" /a\\040b xfs rw\n',
    '/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
    '/etc/hostname': 'name\n',
    '/boot/vmlinuz-4.15.0-213-generic': '',
    '/boot/grub/grub.cfg': 'set default="0"\nmenuentry \'U\' {\n linux /vmlinuz-4.15.0-213-generic root=x\n}\n',
    '/boot/grub/grubenv': 'saved_entry=0\n',
  };
  const bytes = Object.entries(files).map(([path, text]) => [path, Buffer.from(text)] as const);
  const releases = new Set<string | null>();
  for (let seed = 0; seed < MUTATIONS; seed++) {
    const copies = bytes.map(([path, content], i) => [
      path,
      content.length > 0 ? mutated(content, seed * 10 + i, (at) => at) : content,
    ]);
    releases.add((await inspect(Object.fromEntries(copies))).release.value);
  }
  expect(releases).toContain('ubuntu-18.04');
  expect(releases.size).toBeGreaterThan(1);
});

test('mutated entries of boot loaders', async () => {
  const files: Record<string, string> = {
    '/etc/os-release': 'ID=fedora\nVERSION_ID="43"\n',
    '/etc/default/grub': 'GRUB_DEFAULT=saved\n',
    '/boot/vmlinuz-6.17.1-300.fc43.x86_64': '',
    '/boot/grub2/grub.cfg': 'set default="${saved_entry}"\nblscfg\n',
    '/boot/grub2/grubenv': 'saved_entry=a-6.17.1\n',
    '/boot/loader/loader.conf': 'default a-*\n',
    '/boot/loader/entries/a-6.17.1.conf': 'title A\nversion 6.17.1\nlinux /vmlinuz-6.17.1-300.fc43.x86_64\n',
    '/boot/loader/entries/b.conf': 'title B\nlinux /vmlinuz-b\n',
    '/boot/extlinux.conf': 'DEFAULT a\nLABEL a\n LINUX vmlinuz-6.17.1-300.fc43.x86_64\nLABEL b\n MENU DEFAULT\n',
    '/boot/grub/menu.lst': 'default 0\ntitle a\n kernel /vmlinuz-6.17.1-300.fc43.x86_64\n',
  };
  const bytes = Object.entries(files).map(([path, text]) => [path, Buffer.from(text)] as const);
  const origins = new Set<string>();
  for (let seed = 0; seed < MUTATIONS; seed++) {
    const copies = bytes.map(([path, content], i) => [
      path,
      // the release stays: else the whole system may be unknown
      content.length > 0 && path !== '/etc/os-release' ? mutated(content, seed * 20 + i, (at) => at) : content,
    ]);
    const { bootKernel } = await inspect(Object.fromEntries(copies));
    origins.add(bootKernel.origin);
  }
  expect([...origins].some((origin) => origin.startsWith('/boot/loader/entries/a-6.17.1.conf'))).toBe(true);
  expect(origins.size).toBeGreaterThan(2);
});

test('files of 10 GB are unknown, with warnings, whatever they claim to be', async () => {
  const small = { '/etc/fstab': Buffer.from('LABEL=a / ext4\n'), '/etc/hostname': Buffer.from('a\n') };
  for (const path of [
    '/etc/os-release',
    '/etc/redhat-release',
    '/etc/fstab',
    '/boot/grub/grub.cfg',
    '/boot/extlinux.conf',
    '/boot/loader/entries/a.conf',
    '/Windows/System32/config/SOFTWARE',
  ]) {
    const isWindows = path.startsWith('/Windows');
    const files = { ...(isWindows ? {} : small), '/boot/vmlinuz-1': Buffer.alloc(0), [path]: Buffer.alloc(0) };
    const usedMs = processorTimer();
    const guest = await inspectTree(memoryTree(files, path));
    expect(usedMs(), path).toBeLessThan(2000);
    expect(guest.release.value, path).toBeNull();
    expect(
      guest.warnings.map(({ data }) => data.path),
      path,
    ).toContain(path);
  }
});

test('a million lines are read to their limit', async () => {
  const files = { '/etc/os-release': Buffer.from('ID=arch\n'), '/etc/fstab': Buffer.alloc(1_000_000, 'a b c\n') };
  const guest = await inspect(files);
  expect(guest.fstab.value).toHaveLength(1000);
  const tooMany = { ...files, '/etc/fstab': Buffer.alloc(6_000_000, 'a b c\n') };
  expect((await inspect(tooMany)).fstab.value).toBeNull();
});

test('a thousand links and a thousand entries end', async () => {
  const names = Array.from({ length: 1000 }, (_, i) => `/boot/loader/entries/${i}.conf`);
  const entries = Object.fromEntries(names.map((name) => [name, Buffer.from('linux /vmlinuz-1\n')]));
  const plain = memoryTree({ ...entries, '/etc/fstab': Buffer.from('x\n'), '/boot/vmlinuz-1': Buffer.alloc(0) });
  const link: FileNode = { ...plain.root, id: 'link', kind: 'link' };
  const tree: FileTree = {
    ...plain,
    find: async (folder, name) => (/^(os-release|hostname|sh)$/.test(name) ? link : plain.find(folder, name)),
    readLink: async () => `${'../'.repeat(300)}etc/os-release`,
  };
  const usedMs = processorTimer();
  const guest = await inspectTree(tree);
  expect(usedMs()).toBeLessThan(2000);
  expect([guest.release.value, guest.hostname.value, guest.architecture.value]).toEqual([null, null, null]);
  expect(guest.warnings.map(({ data }) => data.path)).toContain('/etc/os-release');
});

const LOADER_FILES = [
  '/boot/grub/grub.cfg',
  '/boot/grub/grubenv',
  '/boot/grub/menu.lst',
  '/boot/loader/loader.conf',
  '/boot/loader/entries/a.conf',
  '/boot/extlinux.conf',
];

test('long lines and many lines are quick', async () => {
  const line = Buffer.alloc(1_000_000, '/dev/a ');
  const lines = Buffer.alloc(1_000_000, 'A=b c\n');
  const blanks = [' ', '\n', '\t\n', '{ ', 'default ', 'linux \n'].map((piece) => Buffer.alloc(1_000_000, piece));
  for (const content of [line, lines, ...blanks]) {
    const names = ['/etc/os-release', '/etc/redhat-release', '/etc/fstab', '/etc/hostname', ...LOADER_FILES];
    const files = { ...Object.fromEntries(names.map((name) => [name, content])), '/boot/vmlinuz-1': Buffer.alloc(0) };
    const usedMs = processorTimer();
    await inspect(files);
    expect(usedMs()).toBeLessThan(2000);
  }
});

test('an abort gets out', async () => {
  await expect(inspect({ '/etc/os-release': Buffer.from('ID=a\n') }, AbortSignal.abort())).rejects.toThrow();
});
