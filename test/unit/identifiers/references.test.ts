/** Who names identifiers, what of it can be rewritten, and when nobody can tell. */
import { describe, expect, test } from 'vitest';
import { inspectGuest } from '../../../src-engine/guest/inspect-guest.ts';
import type { GuestVolume } from '../../../src-engine/guest/guest-input.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { IdForms } from '../../../src-engine/identifiers/forms.ts';
import { findReferences } from '../../../src-engine/identifiers/references.ts';
import { memoryVolume } from '../../support/guest-changes.ts';
import type { MemoryFiles } from '../../support/memory-tree.ts';

const OLD = '0a1b2c3d-1111-4222-8333-00000000000f';
const NEW = 'c0ffee00-5555-4666-9777-aaaaaaaaaaaa';
const FORMS = new IdForms([{ format: 'uuid', before: OLD, after: NEW }]);
const RELEASE = { '/etc/os-release': 'ID=debian\nVERSION_ID="13"\n' };
const signal = new AbortController().signal;

async function found(volumes: readonly GuestVolume[], canWrite = true, forms = FORMS) {
  const guest = await inspectGuest(
    { volumes, firstSectors: new Uint8Array(512) },
    { madeOn: '2026-01-01', releases: {} },
    signal,
  );
  const source = memorySource(new Uint8Array(4096));
  const told = await findReferences({ source, guest, volumes, abilities: { canWrite: () => canWrite } }, forms, signal);
  const texts = await Promise.all(
    told.references.map(async ({ file, keeping, rewritten }) => {
      const now = keeping ? null : await rewritten(forms, new Set([0]));
      const bytes = now && ('kept' in now ? now.bytes : now);
      return [`/${file.names.join('/')}`, keeping?.code ?? bytes?.toString('latin1') ?? ''];
    }),
  );
  return { everything: told.everything?.code ?? null, files: Object.fromEntries(texts) as Record<string, string> };
}

const system = (files: MemoryFiles) => [memoryVolume({ ...RELEASE, ...files }, { ref: '2', uuid: OLD })];

/** The smallest PE32+ with sections. */
function program(sections: Record<string, Buffer>, certificateBytes = 0): Buffer {
  const names = Object.keys(sections);
  const head = Buffer.alloc(1024);
  head.write('MZ', 0);
  head.writeUInt32LE(64, 60);
  head.write('PE\0\0', 64);
  head.writeUInt16LE(names.length, 70);
  head.writeUInt16LE(240, 84);
  head.writeUInt16LE(0x20b, 88);
  head.writeUInt32LE(16, 88 + 108);
  head.writeUInt32LE(certificateBytes, 88 + 112 + 8 * 4 + 4);
  let at = head.length;
  names.forEach((name, i) => {
    const entry = 88 + 240 + 40 * i;
    head.write(name, entry);
    head.writeUInt32LE(sections[name].length, entry + 8);
    head.writeUInt32LE(sections[name].length, entry + 16);
    head.writeUInt32LE(at, entry + 20);
    at += sections[name].length;
  });
  return Buffer.concat([head, ...Object.values(sections)]);
}

describe('is rewritten', () => {
  test.each([
    ['fstab', { '/etc/fstab': `UUID=${OLD} / ext4 defaults 0 1\n` }],
    ['crypttab', { '/etc/crypttab': `swap UUID=${OLD} /dev/urandom swap\n` }],
    [
      'a configuration of GRUB in Latin-1, with a zero in it',
      { '/boot/grub/grub.cfg': Buffer.from(`\xe9\0 search --fs-uuid ${OLD}`, 'latin1') },
    ],
    ['a command line', { '/etc/kernel/cmdline': `root=UUID=${OLD} ro` }],
    ['what no list has', { '/etc/opt/vendor/disks.ini': `data=${OLD}\n` }],
    ['a unit of systemd', { '/etc/systemd/system/data.mount': `What=/dev/disk/by-uuid/${OLD}\n` }],
    [
      'a program with a command line in it',
      { '/boot/efi/EFI/Linux/arch.efi': program({ '.cmdline': Buffer.from(`root=UUID=${OLD}`) }) },
    ],
  ])('%s', async (_, files) => {
    const [path, before] = Object.entries(files)[0] as [string, string | Buffer];
    const told = await found(system(files as MemoryFiles));
    const text = Buffer.from(before).toString('latin1');
    expect(told).toEqual({ everything: null, files: { [path]: text.replace(OLD, NEW) } });
  });

  test('what lies behind links: /etc itself, an fstab, a folder of GRUB', async () => {
    const told = await found(
      system({
        '/data/etc/fstab': '-> ../../state/fstab',
        '/state/fstab': `UUID=${OLD} /\n`,
        '/data/etc/os-release': 'ID=debian\n',
        '/boot/grub': '-> ../srv/grub',
        '/srv/grub/grub.cfg': `${OLD}\n`,
      }).map((volume) => volume),
    );
    expect(Object.keys(told.files).toSorted()).toEqual(['/srv/grub/grub.cfg']);
    const linked = memoryVolume({
      '/etc': '-> data/etc',
      '/data/etc/os-release': 'ID=debian\n',
      '/data/etc/fstab': '-> /state/fstab',
      '/state/fstab': `UUID=${OLD} /\n`,
    });
    expect((await found([linked])).files).toEqual({ '/state/fstab': `UUID=${NEW} /\n` });
  });

  test('what lies on volumes of their own, mounted or not', async () => {
    const entry = `linux /vmlinuz root=UUID=${OLD}\n`;
    const told = await found([
      ...system({ '/etc/fstab': `UUID=1111-2222 /boot vfat\n` }),
      memoryVolume({ '/cmdline.txt': entry, '/kernel8.img': 'x' }, { ref: '1', kind: 'fat32', uuid: '1111-2222' }),
      memoryVolume({ '/EFI/debian/grub.cfg': entry }, { ref: '3', kind: 'fat16', uuid: '3333-4444' }),
      memoryVolume({ '/photos/note.txt': entry }, { ref: '4', uuid: '' }),
    ]);
    const now = entry.replace(OLD, NEW);
    expect(told.files).toEqual({ '/cmdline.txt': now, '/EFI/debian/grub.cfg': now });
  });

  test('the subvolume that is booted, and what of it lies in others', async () => {
    const told = await found([
      memoryVolume(
        {
          '/@/.snapshots/1/snapshot/etc/os-release': 'ID=opensuse-leap\n',
          '/@/.snapshots/1/snapshot/etc/fstab': `UUID=${OLD} / btrfs\n`,
          '/@/boot/grub2/i386-pc/load.cfg': `search.fs_uuid ${OLD} root\n`,
        },
        { kind: 'btrfs', uuid: OLD },
      ),
    ]);
    expect(Object.keys(told.files)).toHaveLength(2);
    expect(Object.values(told.files).join('')).not.toContain('id-kept');
  });
});

describe('keeps what it names', () => {
  test.each([
    ['id-kept-binary', { '/etc/some.db': Buffer.from(`\0\0${OLD}`) }],
    ['id-kept-file-name', { [`/etc/systemd/system/dev-disk-by\\x2duuid-${OLD.replaceAll('-', '\\x2d')}.swap`]: 'x' }],
    ['id-kept-signed', { '/boot/efi/EFI/x.efi': program({ '.cmdline': Buffer.from(OLD) }, 8) }],
  ])('%s', async (code, files) => {
    const told = await found(system(files as unknown as MemoryFiles));
    expect(told).toEqual({ everything: null, files: { [Object.keys(files)[0]]: code } });
  });

  test('what lies in a snapshot', async () => {
    const files = {
      '/@/etc/os-release': 'ID=ubuntu\n',
      '/timeshift-btrfs/snapshots/2026-01-01/@/etc/fstab': `UUID=${OLD} /\n`,
    };
    const told = await found([memoryVolume(files, { kind: 'btrfs', uuid: OLD })]);
    expect(Object.values(told.files)).toEqual(['id-kept-snapshot']);
  });

  test('what cannot be written here', async () => {
    expect((await found(system({ '/etc/fstab': OLD }), false)).files).toEqual({ '/etc/fstab': 'id-kept-not-written' });
  });
});

describe('nobody can tell', () => {
  test.each([
    ['an fstab of a gigabyte', 'id-kept-file-unreadable', { '/etc/fstab': { content: 'x', lengthBytes: 2 ** 30 } }],
    ['an fstab that leads elsewhere', 'id-kept-volume-damaged', { '/etc/fstab': '-> /nowhere/fstab' }],
    ['a /boot that leads elsewhere', 'id-kept-volume-damaged', { '/boot': '-> /mnt/usb' }],
    ['a /boot that is not here', 'id-kept-not-read', { '/etc/fstab': 'UUID=9999-9999 /boot vfat\n' }],
    [
      'a first file system that is damaged',
      'id-kept-file-unreadable',
      { '/boot/initrd.img-6.1': Buffer.from('1f8b0800000000000003ffff', 'hex') },
    ],
  ])('%s', async (_, code, files) => {
    expect(await found(system(files as unknown as MemoryFiles))).toEqual({ everything: code, files: {} });
  });

  test('links that go round, and what is no file', async () => {
    const files = {
      '/etc/a': '-> b',
      '/etc/b': '-> a',
      '/boot/grub': '-> .',
      '/etc/default/grub': { kind: 'device' },
      '/etc/fstab': `UUID=${OLD} /\n`,
    };
    const told = await found(system(files as unknown as MemoryFiles));
    expect(told).toEqual({ everything: null, files: { '/etc/fstab': `UUID=${NEW} /\n` } });
  });
});

describe('the name of a group, which becomes longer', () => {
  const forms = new IdForms([{ format: 'group-name', before: 'rhel', after: 'lab-room', volumeNames: ['root'] }]);
  const environment = (line: string) => `# GRUB Environment Block\n${line}\n`.padEnd(1024, '#');

  test('GRUB’s environment stays as long as it is', async () => {
    const before = environment('kernelopts=root=/dev/mapper/rhel-root ro rd.lvm.lv=rhel/root');
    const after = environment('kernelopts=root=/dev/mapper/lab--room-root ro rd.lvm.lv=lab-room/root');
    expect(await found(system({ '/boot/grub2/grubenv': before }), true, forms)).toEqual({
      everything: null,
      files: { '/boot/grub2/grubenv': after },
    });
  });

  test.each([
    ['an environment that is full', '/boot/grub2/grubenv', `x=/dev/rhel/root\n`.padStart(1024, 'x')],
    ['a program', '/boot/efi/EFI/Linux/el9.efi', program({ '.cmdline': Buffer.from('root=/dev/mapper/rhel-root') })],
    ['a file that is no text', '/etc/opt/store.db', '\0/dev/mapper/rhel-root\0'],
  ])('stays for %s', async (_, path, content) => {
    const told = await found(system({ [path]: content }), true, forms);
    expect(told.files).toEqual({ [path]: 'id-kept-binary' });
  });

  test('and is no other word', async () => {
    const files = { '/etc/hostname': 'rhel\n', '/etc/issue': 'ID="rhel" rhel/root\n' };
    expect(await found(system(files), true, forms)).toEqual({ everything: null, files: {} });
  });
});
