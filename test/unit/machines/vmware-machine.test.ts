/** Definitions of VMware's machines, friendly and hostile. */
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { parseDictionary } from '../../../src-engine/machines/hypervisors/vmware-dictionary.ts';
import { machineOf, snapshotsOf } from '../../../src-engine/machines/hypervisors/vmware-machine.ts';

const PATH = '/v/lab/lab.vmx';
const parse = (text: string | Buffer) => parseDictionary(Buffer.from(text), PATH);
const machine = (...lines: string[]) => machineOf(parse(['config.version = "8"', ...lines].join('\n')), PATH);

function refusal(read: () => unknown) {
  try {
    read();
  } catch (error) {
    if (error instanceof EngineError) return [error.code, error.data.field ?? error.data.feature];
    throw error;
  }
  return null;
}

describe('a dictionary', () => {
  test.each([
    ['plain', 'a = "b"', 'b'],
    ['with no blanks', 'a="b"', 'b'],
    ['without quotation marks', 'a = b', 'b'],
    ['empty', 'a = ""', ''],
    ['with nothing behind it', 'a = ', ''],
    ['with escapes', 'a = "|22x|22 |7C |23 a=b"', '"x" | # a=b'],
    ['with what is no escape', 'a = "1|2"', '1|2'],
    ['with quotation marks that nobody escaped', 'a = "my "old" lab"', 'my "old" lab'],
    ['in other letters', 'A = "b"', 'b'],
    ['behind a comment and lines of Windows', '#!/usr/bin/vmware\r\n\r\na = "b"\r\n', 'b'],
    ['behind a mark of byte order', '\uFEFFa = "b"', 'b'],
    ['said twice', 'a = "x"\na = "b"', 'b'],
  ])('has a value %s', (_, text, value) => {
    expect(parse(text).get('a')).toBe(value);
  });

  test.each([
    ['UTF-8', Buffer.from('.encoding = "UTF-8"\na = "dépôt"')],
    ['windows-1252', Buffer.from('.encoding = "windows-1252"\na = "dépôt"', 'latin1')],
    ['UTF-8, said to be windows-1252 by nobody', Buffer.from('a = "dépôt"')],
    ['bytes that are no UTF-8', Buffer.from('.encoding = "UTF-8"\na = "dépôt"', 'latin1')],
  ])('in %s is read', (_, bytes) => {
    expect(parse(bytes).get('a')).toBe('dépôt');
  });

  test('in a code page of the East is read', () => {
    const bytes = Buffer.concat([Buffer.from('.encoding = "GBK"\na = "'), Buffer.from([0xd6, 0xd0]), Buffer.from('"')]);
    expect(parse(bytes).get('a')).toBe('中');
  });

  test.each([
    ['something else', '<xml/>', 'line 1'],
    ['a line of something else', 'a = "b"\nnonsense', 'line 2'],
    ['no end of lines', '#\n'.repeat(50_001), 'lines'],
  ])('that is %s is refused', (_, text, field) => {
    expect(refusal(() => parse(text))).toEqual(['FORMAT_INVALID', field]);
  });
});

describe('a machine', () => {
  test('is told in words of no hypervisor', () => {
    expect(
      machine(
        'displayName = "Lab |22golden|22"',
        'guestOS = "debian12-64"',
        'virtualHW.version = "21"',
        'memsize = "2048"',
        'numvcpus = "4"',
        'firmware = "efi"',
        'uefi.secureBoot.enabled = "TRUE"',
        'vtpm.present = "TRUE"',
        'uuid.bios = "56 4d 09 6b b0 ff 56 dd-bd 74 a4 03 97 2b f3 37"',
        'ethernet1.present = "TRUE"',
        'ethernet1.address = "00:50:56:00:00:02"',
        'ethernet1.networkName = "Lab net"',
        'ethernet0.present = "TRUE"',
        'ethernet0.virtualDev = "vmxnet3"',
        'ethernet0.generatedAddress = "00:0c:29:00:00:01"',
        'ethernet0.connectionType = "nat"',
        'ethernet2.present = "FALSE"',
      ),
    ).toMatchObject({
      name: 'Lab "golden"',
      id: '564d096b-b0ff-56dd-bd74-a403972bf337',
      operatingSystem: 'debian12',
      processors: 4,
      memoryBytes: 2 ** 31,
      firmware: 'uefi',
      hasSecureBoot: true,
      hasTpm: true,
      machineType: 'vmx-21',
      architecture: 'x86_64',
      networks: [
        { mac: '00:0c:29:00:00:01', model: 'vmxnet3', to: 'nat' },
        { mac: '00:50:56:00:00:02', model: null, to: 'Lab net' },
      ],
    });
  });

  test('that says little has one processor, starts by BIOS, and is called as its file', () => {
    expect(machine()).toMatchObject({ name: 'lab', processors: 1, firmware: 'bios', memoryBytes: null, disks: [] });
  });

  const disk = (...lines: string[]) => machine(...lines.map((line) => `scsi0:0.${line}`)).disks[0];
  test.each([
    ['beside it', ['present = "TRUE"', 'fileName = "lab-000002.vmdk"'], 'file', '/v/lab/lab-000002.vmdk'],
    ['in another folder', ['present = "TRUE"', 'fileName = "../data/a.vmdk"'], 'file', '/v/data/a.vmdk'],
    ['anywhere', ['present = "TRUE"', 'fileName = "/w/a.vmdk"'], 'file', '/w/a.vmdk'],
    ['of Windows', ['present = "TRUE"', 'fileName = "D:\\\\VMs\\\\a.vmdk"'], 'elsewhere', 'D:\\\\VMs\\\\a.vmdk'],
    ['of a server', ['present = "TRUE"', 'fileName = "[datastore1] a/a.vmdk"'], 'elsewhere', '[datastore1] a/a.vmdk'],
    [
      'that goes on in a redo log',
      ['present = "TRUE"', 'fileName = "a.vmdk"', 'redo = "./a.vmdk.REDO_1"'],
      'elsewhere',
      './a.vmdk.REDO_1',
    ],
    ['that is a disk of this machine', ['present = "TRUE"', 'fileName = "/dev/sda"'], 'elsewhere', '/dev/sda'],
    ['that is nothing', ['present = "TRUE"', 'deviceType = "cdrom-raw"', 'fileName = "auto detect"'], 'absent', null],
  ])('has a disk %s', (_, lines, placed, path) => {
    expect(disk(...lines)).toMatchObject({ placed, path });
  });

  test('has no disk that is not there, or whose controller is not', () => {
    expect(
      machine(
        'scsi0:0.fileName = "a.vmdk"',
        'scsi0:1.present = "FALSE"',
        'scsi0:1.fileName = "b.vmdk"',
        'sata1.present = "FALSE"',
        'sata1:0.present = "TRUE"',
        'sata1:0.fileName = "c.vmdk"',
      ).disks,
    ).toEqual([]);
  });

  test('has its disks in the order in which firmware looks at them, and knows discs', () => {
    const { disks } = machine(
      ...['nvme0:0', 'sata0:10', 'sata0:2', 'scsi1:0', 'scsi0:1', 'ide1:0'].map((name) => `${name}.present = "TRUE"`),
      'ide1:0.deviceType = "cdrom-image"',
      'ide1:0.fileName = "/iso/debian.iso"',
    );
    expect(disks.map(({ name }) => name)).toEqual(['ide1:0', 'scsi0:1', 'scsi1:0', 'sata0:2', 'sata0:10', 'nvme0:0']);
    expect(disks.map(({ isOptical }) => isOptical)).toEqual([true, false, false, false, false, false]);
  });

  test.each([
    ['memory beyond counting', 'memsize = "99999999999999"', 'memoryBytes', null],
    ['memory that is no number', 'memsize = "-4"', 'memoryBytes', null],
    ['an identifier that is none', 'uuid.bios = "zz"', 'id', ''],
  ])('knows nothing of %s', (_, line, key, value) => {
    expect(machine(line)).toMatchObject({ [key]: value });
  });

  test('that is encrypted is told as that, and so is a file of something else', () => {
    expect(refusal(() => machine('encryption.data = "x"'))).toEqual([
      'FORMAT_UNSUPPORTED',
      'a machine whose configuration is encrypted',
    ]);
    expect(refusal(() => machineOf(parse('snapshot.numSnapshots = "0"'), PATH))).toEqual([
      'FORMAT_INVALID',
      'config.version',
    ]);
    const many = Array.from({ length: 1001 }, (_, i) => `scsi${i % 100}:${Math.floor(i / 100)}.present = "TRUE"`);
    expect(refusal(() => machine(...many))).toEqual(['FORMAT_INVALID', 'disks']);
  });

  test('has the snapshots that its list names', () => {
    const list =
      'snapshot.numSnapshots = "2"\nsnapshot0.displayName = "before"\nsnapshot1.displayName = "a|22b"\nsnapshot1.disk0.fileName = "x"';
    expect(snapshotsOf(parse(list))).toEqual(['before', 'a"b']);
  });
});
