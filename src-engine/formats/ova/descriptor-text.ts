/** Writes an OVF 1.0 descriptor of a machine with its disks. DMTF DSP0243 1.1.0; hardware as CIM_ResourceAllocationSettingData, DSP1041. */
import type { RecordedConfiguration } from '../../contract/template.contract.ts';

export interface DescribedDiskFile {
  /** plain name of the disk's file, a streamOptimized VMDK */
  readonly diskFile: string;
  readonly fileBytes: number;
  readonly capacityBytes: number;
}

/** A machine, with its first disk. */
export interface DescribedMachine extends DescribedDiskFile {
  readonly name: string;
  readonly configuration: RecordedConfiguration;
  /** further disks, in their order */
  readonly others?: readonly DescribedDiskFile[];
}

/** What a machine gets where nothing was recorded. */
const USUAL_CPUS = 2;
const USUAL_MEMORY_BYTES = 2 ** 31;
const MIB = 1024 * 1024;

/** CIM OperatingSystem.OSType, by what a person calls it. */
const OS_TYPES: [RegExp, number][] = [
  [/windows/i, 103],
  [/debian/i, 96],
  [/ubuntu/i, 94],
  [/red ?hat|rhel/i, 80],
  [/centos|rocky|alma/i, 107],
  [/suse/i, 83],
  [/freebsd/i, 78],
  [/linux|fedora|arch/i, 101],
];
const OTHER_OS = 1;

const NAMESPACES = [
  ['', 'http://schemas.dmtf.org/ovf/envelope/1'],
  ['ovf', 'http://schemas.dmtf.org/ovf/envelope/1'],
  ['rasd', 'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData'],
  ['vssd', 'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData'],
  ['vmw', 'http://www.vmware.com/schema/ovf'],
];

export function descriptorText(machine: DescribedMachine): string {
  const { configuration, others = [] } = machine;
  const disks = [machine, ...others];
  const { operatingSystem, bootMode } = configuration;
  const name = escaped(machine.name);
  const networks = [...new Set(configuration.networks.length > 0 ? configuration.networks : ['default'])];
  const os = OS_TYPES.find(([words]) => operatingSystem && words.test(operatingSystem))?.[1] ?? OTHER_OS;
  const attributes = NAMESPACES.map(([prefix, uri]) => `xmlns${prefix && `:${prefix}`}="${uri}"`).join(' ');
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope ${attributes}>
  <References>
${disks.map(({ diskFile, fileBytes }, i) => `    <File ovf:id="file${i + 1}" ovf:href="${escaped(diskFile)}" ovf:size="${fileBytes}"/>`).join('\n')}
  </References>
  <DiskSection>
    <Info>Disks</Info>
${disks.map(({ capacityBytes }, i) => `    <Disk ovf:diskId="disk${i + 1}" ovf:fileRef="file${i + 1}" ovf:capacity="${capacityBytes}" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>`).join('\n')}
  </DiskSection>
  <NetworkSection>
    <Info>Networks</Info>
${networks.map((network) => `    <Network ovf:name="${escaped(network)}"/>`).join('\n')}
  </NetworkSection>
  <VirtualSystem ovf:id="machine">
    <Info>A virtual machine</Info>
    <Name>${name}</Name>
    <OperatingSystemSection ovf:id="${os}">
      <Info>Operating system</Info>
      <Description>${escaped(operatingSystem ?? 'Other')}</Description>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Hardware</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>${name}</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType>
      </System>
${hardware(configuration, networks, disks.length)
  .map((item, i) => itemText({ InstanceID: i + 1, ...item }))
  .join('\n')}
${bootMode ? `      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="${bootMode === 'uefi' ? 'efi' : 'bios'}"/>\n` : ''}    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`;
}

/** InstanceID: behind processors and memory. */
const FIRST_CONTROLLER = 3;
/** Of an AHCI controller, as hypervisors make them. */
const PORTS = 30;

type Item = Record<string, string | number>;

/** ResourceType: 3 processors, 4 memory, 20 SATA controller, 17 disk, 10 network adapter. */
function hardware({ cpus, memoryBytes }: RecordedConfiguration, networks: readonly string[], disks: number): Item[] {
  const controllers = Math.ceil(disks / PORTS);
  const processors = cpus ?? USUAL_CPUS;
  const mebibytes = Math.max(1, Math.round((memoryBytes ?? USUAL_MEMORY_BYTES) / MIB));
  return [
    { ElementName: `${processors} processors`, ResourceType: 3, VirtualQuantity: processors },
    {
      ElementName: `${mebibytes} MB of memory`,
      ResourceType: 4,
      VirtualQuantity: mebibytes,
      AllocationUnits: 'byte * 2^20',
    },
    ...Array.from({ length: controllers }, (_, i) => ({
      ElementName: controllers === 1 ? 'SATA controller' : `SATA controller ${i + 1}`,
      ResourceType: 20,
      ResourceSubType: 'AHCI',
      Address: i,
    })),
    ...Array.from({ length: disks }, (_, i) => ({
      ElementName: `Disk ${i + 1}`,
      ResourceType: 17,
      HostResource: `ovf:/disk/disk${i + 1}`,
      Parent: FIRST_CONTROLLER + Math.floor(i / PORTS),
      AddressOnParent: i % PORTS,
    })),
    ...networks.map((network, i) => ({
      ElementName: `Network adapter ${i + 1}`,
      ResourceType: 10,
      ResourceSubType: 'E1000',
      Connection: network,
      AutomaticAllocation: 'true',
    })),
  ];
}

/** The schema wants the elements of an item in the order of their names. */
function itemText(item: Item): string {
  const fields = Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = fields.map(([key, value]) => `        <rasd:${key}>${escaped(String(value))}</rasd:${key}>`);
  return ['      <Item>', ...lines, '      </Item>'].join('\n');
}

function escaped(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f]/g, '').replace(/[&<>"]/g, (character) => entities[character]);
}
