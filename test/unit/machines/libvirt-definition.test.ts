/** What is recorded of a machine's hardware, and what is not: secrets. */
import { describe, expect, test } from 'vitest';
import { defineFrom } from '../../../src-engine/machines/hypervisors/libvirt-definition.ts';

const domain = (inside: string, devices = '') =>
  `<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>lab</name>${inside}<devices>${devices}</devices></domain>`;
const defined = (inside: string, devices = '') => defineFrom(domain(inside, devices));

describe('the recorded definition of a machine', () => {
  test('has the hardware in words of no hypervisor', () => {
    const { definition } = defined(
      `<title>Lab 7</title><memory unit='MiB'>512</memory><vcpu>8</vcpu>
       <os firmware='efi'><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><boot dev='hd'/><boot dev='network'/></os>
       <features><acpi/><apic/><smm state='off'/></features><clock offset='utc'/>
       <cpu mode='custom'><model fallback='allow'>Haswell</model><topology sockets='2' cores='2' threads='2'/></cpu>`,
      `<controller type='scsi' index='0' model='virtio-scsi'/><controller type='usb' index='0' model='qemu-xhci'/>
       <disk type='file' device='cdrom'><target dev='sdz' bus='sata'/><readonly/></disk>
       <disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none' discard='unmap'/><source file='/v/a'/>
         <target dev='sda' bus='scsi'/><serial>S1</serial><wwn>5000c50015ea71aa</wwn><boot order='1'/><address type='drive' controller='0'/>
         <blockio logical_block_size='4096' physical_block_size='4096'/></disk>
       <disk type='volume' device='disk'><source pool='p' volume='v'/><target dev='vdb' bus='virtio'/><shareable/></disk>
       <interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/><model type='virtio'/><boot order='2'/></interface>
       <interface type='bridge'><source bridge='br0'/><link state='down'/></interface>
       <interface type='hostdev'/>
       <tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>
       <graphics type='spice'/><video><model type='qxl' vram='65536'/></video><sound model='ich9'/><watchdog model='itco'/>
       <serial type='pty'/><channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel><rng model='virtio'/>`,
    );
    expect(definition).toMatchObject({
      hypervisor: 'libvirt',
      ...{ name: 'lab', title: 'Lab 7', memoryBytes: 2 ** 29, firmware: 'uefi', machineType: 'pc-q35-7.2' },
      processors: { count: 8, model: 'Haswell', topology: { sockets: 2, dies: 1, cores: 2, threads: 2 } },
      tpm: { model: 'tpm-crb', version: '2.0' },
      bootDevices: ['hd', 'network'],
      disks: [
        { kind: 'optical', disk: null, name: 'sdz', isReadOnly: true },
        {
          ...{ kind: 'disk', disk: 1, name: 'sda', bus: 'scsi', controller: 'virtio-scsi', serial: 'S1', bootOrder: 1 },
          ...{ format: 'qcow2', cache: 'none', discard: 'unmap', wwn: '5000c50015ea71aa', sectorBytes: 4096 },
        },
        { kind: 'disk', disk: 2, name: 'vdb', bus: 'virtio', controller: null, isShared: true },
      ],
      cards: [
        { kind: 'network', to: 'default', model: 'virtio', mac: '52:54:00:00:00:01', bootOrder: 2, isPluggedIn: true },
        { kind: 'bridge', to: 'br0', model: null, mac: null, isPluggedIn: false },
        { kind: 'other', to: null },
      ],
      video: [{ model: 'qxl', memoryBytes: 2 ** 26 }],
      ...{ screens: ['spice'], sound: ['ich9'], watchdog: 'itco', clock: 'utc', features: ['acpi', 'apic'] },
      ...{ hasSerialConsole: true, hasGuestAgent: true, hasRandomSource: true, removed: [] },
    });
  });

  test('is there for a machine that says next to nothing', () => {
    expect(defined('').definition).toMatchObject({
      ...{ name: 'lab', architecture: null, memoryBytes: null, firmware: null, tpm: null, clock: null },
      processors: { count: null, model: null, topology: null },
      ...{ disks: [], cards: [], bootDevices: [] },
    });
  });

  test.each([
    ['a password of its screen', '', "<graphics type='vnc' port='5900' passwd='SECRET-7'/>", 'devices/graphics@passwd'],
    ['when that ends', '', "<graphics type='spice' passwdValidTo='SECRET-7'/>", 'devices/graphics@passwdValidTo'],
    [
      'options of QEMU’s command line',
      "<qemu:commandline><qemu:arg value='SECRET-7'/></qemu:commandline>",
      '',
      'commandline',
    ],
    [
      'options under another prefix',
      "<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:env name='A' value='SECRET-7'/></q:commandline>",
      '',
      'commandline',
    ],
    [
      'what programs wrote',
      "<metadata><app:x xmlns:app='urn:app' token='SECRET-7'><app:y>SECRET-7</app:y></app:x></metadata>",
      '',
      'metadata/x',
    ],
    [
      'a serial number for cloud-init',
      "<sysinfo type='smbios'><system><entry name='serial'>ds=nocloud;s=http://SECRET-7/</entry></system></sysinfo>",
      '',
      'sysinfo',
    ],
    [
      'strings of the maker',
      "<sysinfo type='smbios'><oemStrings><entry>SECRET-7</entry></oemStrings></sysinfo>",
      '',
      'sysinfo',
    ],
    [
      'files for the firmware',
      "<sysinfo type='fwcfg'><entry name='opt/com.coreos/config'>SECRET-7</entry></sysinfo>",
      '',
      'sysinfo',
    ],
    ['a command line of the kernel', '<os><type>hvm</type><cmdline>password=SECRET-7</cmdline></os>', '', 'os/cmdline'],
    [
      'a key of the host',
      '',
      "<disk><source><auth username='me'><secret type='ceph' uuid='SECRET-7'/></auth></source></disk>",
      'devices/disk/source/auth/secret',
    ],
    [
      'cookies',
      '',
      "<disk><source protocol='https'><cookies><cookie name='a'>SECRET-7</cookie></cookies></source></disk>",
      'devices/disk/source/cookies',
    ],
    [
      'an address’ question',
      '',
      "<disk><source protocol='https' name='x' query='sig=SECRET-7'/></disk>",
      'devices/disk/source@query',
    ],
    [
      'who logs in by an address',
      '',
      "<disk><source protocol='https' name='https://me:SECRET-7@host/x'/></disk>",
      'devices/disk/source@name',
    ],
    [
      'a key among options',
      '',
      "<disk><source protocol='rbd' name='pool/x:id=a:key=SECRET-7'/></disk>",
      'devices/disk/source@name',
    ],
    [
      'a session of protected memory',
      "<launchSecurity type='sev'><session>SECRET-7</session></launchSecurity>",
      '',
      'launchSecurity',
    ],
    ['what a person noted', '<description>root: SECRET-7</description>', '', 'description'],
    ['a title that says one', '<title>password: SECRET-7</title>', '', 'title'],
    [
      'a parameter that is called so',
      '',
      "<interface><filterref filter='f'><parameter name='WIFI_PASSWORD' value='SECRET-7'/></filterref></interface>",
      'devices/interface/filterref/parameter',
    ],
    [
      'a key of a TPM',
      '',
      "<tpm><backend type='emulator'><encryption secret='SECRET-7'/></backend></tpm>",
      'devices/tpm/backend/encryption@secret',
    ],
  ])('leaves out %s', (_, inside, devices, removed) => {
    const { definition, original } = defined(inside, devices);
    expect(original.text).not.toContain('SECRET-7');
    expect(JSON.stringify(definition)).not.toContain('SECRET-7');
    expect(definition.removed).toEqual([removed]);
  });

  test('leaves out comments, and keeps what is no secret as it was written', () => {
    const { original, definition } = defined(
      `<!-- SECRET-7 --><metadata><libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'><libosinfo:os id='http://debian.org/debian/12'/></libosinfo:libosinfo></metadata>
       <os><type arch='x86_64'>hvm</type><loader secure='yes' type='pflash'>/x</loader></os>`,
      "<disk type='file'><source file='/v/keys/a.img'/><target dev='vda'/></disk><graphics type='vnc' keymap='fr'/>",
    );
    expect(original.text).not.toContain('SECRET-7');
    for (const kept of ['debian/12', 'secure="yes"', '/v/keys/a.img', 'keymap="fr"'])
      expect(original.text).toContain(kept);
    expect(definition).toMatchObject({ removed: [], operatingSystem: 'debian 12', hasSecureBoot: true });
  });

  test('is no harm where numbers and names are beyond all measure', () => {
    const many = Array.from(
      { length: 40 },
      () => "<graphics type='vnc'/><video><model vram='999999999999999'/></video>",
    ).join('');
    const { definition } = defined("<vcpu>999999999999999</vcpu><cpu><topology sockets='0' cores='x'/></cpu>", many);
    expect(definition).toMatchObject({
      processors: { count: 999_999_999_999_999, topology: { sockets: 1, cores: 1 } },
      video: expect.arrayContaining([{ model: null, memoryBytes: null }]) as unknown,
    });
    expect([definition.video.length, definition.screens.length]).toEqual([16, 16]);
  });
});
