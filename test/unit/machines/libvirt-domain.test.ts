/** Definitions of libvirt's machines, friendly and hostile. */
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { domainOf, machineOf } from '../../../src-engine/machines/hypervisors/libvirt-domain.ts';

const domain = (inside: string) => `<domain type='kvm'><name>lab</name><uuid>u</uuid>${inside}</domain>`;
const parseDomain = (xml: string) => machineOf(domainOf(xml));
const disksOf = (...disks: string[]) => parseDomain(domain(`<devices>${disks.join('')}</devices>`)).disks;

function refusal(xml: string) {
  try {
    parseDomain(xml);
  } catch (error) {
    if (error instanceof EngineError) return [error.code, error.data.value];
    throw error;
  }
  return null;
}

describe('a definition', () => {
  test('tells the hardware in words of no hypervisor', () => {
    const machine = parseDomain(
      domain(`<metadata><libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'>
        <libosinfo:os id='http://debian.org/debian/12'/></libosinfo:libosinfo></metadata>
        <memory unit='GiB'>2</memory><vcpu placement='static'>4</vcpu>
        <os firmware='efi'><type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
        <firmware><feature enabled='yes' name='secure-boot'/></firmware></os>
        <devices><tpm model='tpm-crb'><backend type='emulator'/></tpm>
        <interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/><model type='virtio'/></interface>
        <interface type='bridge'><source bridge='br0'/></interface></devices>`),
    );
    expect(machine).toMatchObject({
      name: 'lab',
      operatingSystem: 'debian 12',
      memoryBytes: 2 ** 31,
      processors: 4,
      firmware: 'uefi',
      hasSecureBoot: true,
      hasTpm: true,
      machineType: 'pc-q35-7.2',
      architecture: 'x86_64',
      networks: [
        { mac: '52:54:00:00:00:01', model: 'virtio', to: 'network default' },
        { mac: null, model: null, to: 'bridge br0' },
      ],
    });
  });

  test.each([
    ['nothing of a PC', "<os><type arch='x86_64'>hvm</type></os>", 'bios'],
    ['nothing of another machine', "<os><type arch='aarch64'>hvm</type></os>", null],
    ['a kernel of its own', "<os><type arch='x86_64'>hvm</type><kernel>/boot/vmlinuz</kernel></os>", null],
    ['flash memory', "<os><type arch='aarch64'>hvm</type><loader type='pflash'>/x</loader></os>", 'uefi'],
    ['BIOS', "<os firmware='bios'><type arch='x86_64'>hvm</type></os>", 'bios'],
  ])('says of its firmware %s', (_, os, firmware) => {
    expect(parseDomain(domain(os)).firmware).toBe(firmware);
  });

  test.each([
    ['a file', "<disk type='file'><source file='/v/a.qcow2'/></disk>", 'file', '/v/a.qcow2'],
    ['a device', "<disk type='block'><source dev='/dev/vg/lv'/></disk>", 'device', '/dev/vg/lv'],
    ['an empty drive', "<disk type='file' device='cdrom'/>", 'absent', null],
    ['a volume of a pool', "<disk type='volume'><source pool='p' volume='v'/></disk>", 'elsewhere', 'volume p/v'],
    ['a network', "<disk type='network'><source protocol='rbd' name='pool/x'/></disk>", 'elsewhere', 'network pool/x'],
    ['a path that starts nowhere', "<disk type='file'><source file='a.img'/></disk>", 'elsewhere', 'a.img'],
  ])('has a disk on %s', (_, disk, placed, path) => {
    expect(disksOf(disk)).toMatchObject([{ placed, path }]);
  });

  test('is cut where its texts are long, and its controls are blanks', () => {
    const machine = parseDomain(domain(`<os><type arch='x86_64' machine='${'m'.repeat(9000)}'>hvm</type></os>`));
    expect(machine.machineType).toHaveLength(500);
    expect(disksOf("<disk type='file'><target dev='a&#10;b'/></disk>")[0].name).toBe('a b');
  });

  test.each([
    ['memory in units that are none', "<memory unit='parsec'>1</memory>"],
    ['memory beyond counting', "<memory unit='TiB'>999999999999999</memory>"],
    ['no number of processors', '<vcpu>many</vcpu>'],
  ])('knows nothing of %s', (_, inside) => {
    expect(parseDomain(domain(inside))).toMatchObject({ memoryBytes: null, processors: null });
  });
});

describe('what is refused', () => {
  test.each([
    [
      'entities',
      '<!DOCTYPE domain [<!ENTITY a SYSTEM "file:///etc/passwd">]><domain><name>&a;</name></domain>',
      'DOCTYPE',
    ],
    ['another root', '<domainsnapshot/>', 'domain'],
    ['no XML', 'error: nothing', 'XML'],
    ['half of it', '<domain><name>x', 'XML'],
    ['depth', `<domain>${'<a>'.repeat(40)}${'</a>'.repeat(40)}</domain>`, 'depth'],
    ['more depth than a stack', `<domain>${'<a>'.repeat(50_000)}${'</a>'.repeat(50_000)}</domain>`, 'depth'],
  ])('%s', (_, xml, value) => {
    expect(refusal(xml)).toEqual(['FORMAT_INVALID', value]);
  });

  test('disks without end', () => {
    expect(refusal(domain(`<devices>${'<disk/>'.repeat(1001)}</devices>`))?.[0]).toBe('FORMAT_INVALID');
  });
});
