/** What was dropped, what a queued image needs, what is proposed for it, and what is asked of the engine. */
import { newProof, proofSaid } from '../../../src-renderer/modules/boot/proof-form.ts';
import { describe, expect, it } from 'vitest';
import { NOTHING_RECORDED, type ImportView } from '../../../src-engine/contract/index.ts';
import { droppedFiles, fileName, pathsInUriList, toldPaths } from '../../../src-renderer/modules/import/dropped.ts';
import {
  disksIn,
  emptyForm,
  importRequest,
  machineIn,
  needOf,
  propose,
  withEntries,
  type QueuedImage,
} from '../../../src-renderer/modules/import/queued-image.ts';

const seen = (more: Partial<ImportView> = {}): ImportView => ({
  source: {
    kind: 'file',
    path: '/images/lab.qcow2',
    model: 'lab.qcow2',
    serial: '',
    lengthBytes: 2e9,
    sectorBytes: 512,
    physicalSectorBytes: 512,
  },
  fileBytes: 444e6,
  archive: null,
  needsPassword: false,
  entries: [],
  format: 'qcow2',
  disk: null,
  disks: [],
  guest: null,
  files: [],
  scratchBytes: 0,
  proposedName: 'lab',
  proposed: NOTHING_RECORDED,
  isBootModeCertain: false,
  warnings: [],
  ...more,
});

const queued = (more: Partial<QueuedImage> = {}): QueuedImage => ({
  id: 1,
  path: '/images/lab.qcow2',
  name: 'lab.qcow2',
  sending: null,
  uploadId: null,
  canBeSent: false,
  password: '',
  entry: null,
  disk: 0,
  machine: [],
  format: null,
  isLooking: false,
  view: seen(),
  error: null,
  form: { ...emptyForm(), name: 'lab' },
  proof: newProof(),
  jobId: null,
  ...more,
});

describe('what was dropped', () => {
  it('has paths where the browser tells addresses of files of this machine', () => {
    const list = '# files\r\nfile:///images/%C3%A9t%C3%A9%20lab.img\r\nfile:///C:/images/disk.vhd\r\n';
    expect(pathsInUriList(list)).toEqual(['/images/été lab.img', 'C:/images/disk.vhd']);
  });

  it('has no paths of other machines, of other schemes, or of what is no text', () => {
    expect(pathsInUriList('file://server/share/a.img\nhttps://example.org/b.img\nfile:///%E9.img\nfile:')).toEqual([
      '/',
    ]);
  });

  it('is known by name and content where the browser keeps the place to itself', async () => {
    const files = [new File(['x'], 'a.img'), new File([], 'b.vdi')];
    const dropped = droppedFiles({ getData: () => '', files, items: [] });
    expect(dropped.map(({ name, path }) => ({ name, path }))).toEqual([
      { name: 'a.img', path: null },
      { name: 'b.vdi', path: null },
    ]);
    expect(await dropped[0].content!()).toEqual([{ path: 'a.img', file: files[0] }]);
  });

  /** As browsers give what was dropped: a folder tells what is in it two at a time, and nothing at the end. */
  function entry(name: string, inside?: FileSystemEntry[]): FileSystemEntry {
    const left = [...(inside ?? [])];
    const readEntries = (tell: (some: FileSystemEntry[]) => void) => tell(left.splice(0, 2));
    const file = (tell: (file: File) => void) => tell(new File([name], name));
    const isDirectory = inside !== undefined;
    return { name, isDirectory, isFile: !isDirectory, createReader: () => ({ readEntries }), file } as never;
  }
  const filesOf = (top: FileSystemEntry) =>
    droppedFiles({ getData: () => '', files: [], items: [{ webkitGetAsEntry: () => top }] })[0].content!();

  it('is all that is in a folder, under the names that it has there', async () => {
    const folder = entry('clone', [entry('a'), entry('b'), entry('parts', [entry('c')]), entry('d')]);
    expect((await filesOf(folder)).map(({ path }) => path)).toEqual(['clone/a', 'clone/b', 'clone/d', 'clone/parts/c']);
  });

  it('is not read on without end: neither what lies too deep nor what is too much', async () => {
    const deep = Array.from({ length: 9 }).reduce<FileSystemEntry>((inner) => entry('d', [inner]), entry('x'));
    await expect(filesOf(deep)).rejects.toMatchObject({ view: { code: 'UPLOAD_REFUSED', data: { reason: 'deep' } } });
    const many = entry(
      'many',
      Array.from({ length: 5000 }, (_, i) => entry(String(i))),
    );
    expect(await filesOf(many)).toHaveLength(1001);
  });

  it('is told by the preload, and by no other message', () => {
    expect(toldPaths({ type: 'diskpress:dropped', paths: ['/a.img', 7] })).toEqual(['/a.img']);
    for (const other of [null, 'text', {}, { type: 'diskpress:port' }, { type: 'diskpress:dropped', paths: '/a' }]) {
      expect(toldPaths(other)).toBeNull();
    }
  });

  it('is called by the last part of its path, on either kind of system', () => {
    expect(['/images/a.img', 'C:\\images\\b.vhd', '/clones/room 2/'].map(fileName)).toEqual([
      'a.img',
      'b.vhd',
      'room 2',
    ]);
  });
});

describe('a queued image', () => {
  const wrong = { code: 'ARCHIVE_PASSWORD' as const, message: '', hint: '', data: {} };
  const broken = { code: 'FORMAT_INVALID' as const, message: '', hint: '', data: {} };
  const two = ['a.img', 'b.img'].map((name) => ({ name, lengthBytes: 1 }));

  it.each([
    ['path', { path: null, view: null }],
    ['looking', { isLooking: true }],
    ['password', { view: seen({ needsPassword: true }) }],
    ['password', { error: wrong, password: 'wrong' }],
    ['other-file', { error: broken }],
    ['entry', { view: seen({ entries: two }) }],
    [null, { view: seen({ entries: two }), entry: 'b.img' }],
    [null, { view: seen({ needsPassword: true }), password: 'right' }],
    [null, { view: seen({ format: null, archive: 'xz', entries: [two[0]] }) }],
    [null, {}],
  ] as const)('needs %s next', (need, more) => {
    const image = queued(more as Partial<QueuedImage>);
    expect(needOf(image)).toBe(need);
    expect(importRequest(image) === null).toBe(need !== null);
  });

  it('is not planned for without a name', () => {
    expect(importRequest(queued({ form: { ...emptyForm(), name: 'a/b' } }))).toBeNull();
  });

  it('asks for a proof where one is wanted, and for nothing while it cannot be', () => {
    const wanted = { ...newProof(), isWanted: true };
    expect(importRequest(queued(), proofSaid(wanted))).toMatchObject({ bootProof: { timeoutSeconds: 600 } });
    expect(importRequest(queued(), proofSaid({ ...wanted, minutes: 'long' }))).toBeNull();
  });

  it('leaves what nobody said to inspection', () => {
    const request = importRequest(queued());
    for (const key of ['operatingSystem', 'bootMode', 'hasCloudInit', 'maxUnpackedBytes', 'maxRatio']) {
      expect(request).not.toHaveProperty(key);
    }
    expect(request).toMatchObject({ path: '/images/lab.qcow2', entry: null, password: null, licence: 'none' });
  });

  it('asks for what was said, false too', () => {
    const form = { ...emptyForm(), name: ' lab ', bootMode: 'uefi' as const, hasCloudInit: false, maxRatio: 2000 };
    expect(importRequest(queued({ form }))).toMatchObject({
      name: 'lab',
      bootMode: 'uefi',
      hasCloudInit: false,
      maxRatio: 2000,
    });
  });
});

describe('one of several images', () => {
  const two = ['a.img', 'b.img'].map((name) => ({ name, lengthBytes: 1 }));

  it('leaves the others in sight once it is chosen', () => {
    const image = queued({ view: seen({ entries: two }), entry: 'b.img' });
    expect(withEntries(seen(), image).entries).toEqual(two);
    expect(needOf({ ...image, view: withEntries(seen(), image) })).toBeNull();
  });

  it('is not there where nothing was chosen', () => {
    expect(withEntries(seen(), queued({ view: seen({ entries: two }) })).entries).toEqual([]);
  });
});

describe('what is proposed', () => {
  const proposed = { ...NOTHING_RECORDED, operatingSystem: 'Debian 12', bootMode: 'uefi' as const, hasCloudInit: true };

  it('fills what is empty; a boot mode only where it is certain', () => {
    expect(propose(emptyForm(), seen({ proposed }))).toMatchObject({
      name: 'lab',
      operatingSystem: 'Debian 12',
      bootMode: null,
      hasCloudInit: true,
    });
    expect(propose(emptyForm(), seen({ proposed, isBootModeCertain: true })).bootMode).toBe('uefi');
  });

  it('takes nothing from what a person said', () => {
    const form = {
      ...emptyForm(),
      name: 'Mine',
      operatingSystem: 'Other',
      bootMode: 'bios' as const,
      hasCloudInit: false,
    };
    expect(propose(form, seen({ proposed, isBootModeCertain: true }))).toEqual(form);
  });

  it('is no name that the catalog refuses', () => {
    expect(propose(emptyForm(), seen({ proposedName: 'a/b' })).name).toBe('');
  });
});

describe('an image of several disks', () => {
  const disks = ['a.vmdk', 'b.vmdk'].map((name) => ({
    name,
    lengthBytes: 1e9,
    role: null,
    bus: null,
    address: null,
    disk: null,
  }));

  it('offers them, and still does when one of them is chosen and looked at alone', () => {
    const whole = seen({ format: 'ova', disks });
    expect(machineIn(whole, queued())).toEqual(disks);
    const one = queued({ disk: 2, machine: disks });
    expect(machineIn(seen({ format: 'ova', disks: disks.slice(1) }), one)).toEqual(disks);
  });

  it('offers nothing of one disk, nor of a package, which goes in whole', () => {
    expect(machineIn(seen({ disks: disks.slice(1) }), queued())).toEqual([]);
    expect(machineIn(seen({ format: 'package', disks }), queued())).toEqual([]);
  });

  it('asks for the disk that is chosen, and else for all', () => {
    expect(importRequest(queued({ disk: 2, machine: disks }))).toMatchObject({ disk: 2 });
    expect(importRequest(queued({ machine: disks }))).not.toHaveProperty('disk');
  });

  it('has pictures of those that are known', () => {
    expect(disksIn(seen({ disks }))).toEqual([]);
  });
});
