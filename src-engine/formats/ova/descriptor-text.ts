/** Writes an OVF 1.0 descriptor of a machine with one disk. DMTF DSP0243 1.1.0; hardware as CIM_ResourceAllocationSettingData, DSP1041. */
import type { RecordedConfiguration } from '../../contract/template.contract.ts';

export interface DescribedMachine {
  readonly name: string;
  readonly configuration: RecordedConfiguration;
  /** plain name of the disk's file, a streamOptimized VMDK */
  readonly diskFile: string;
  readonly fileBytes: number;
  readonly capacityBytes: number;
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
  const { configuration } = machine;
  const { operatingSystem, bootMode } = configuration;
  const name = escaped(machine.name);
  const networks = [...new Set(configuration.networks.length > 0 ? configuration.networks : ['default'])];
  const os = OS_TYPES.find(([words]) => operatingSystem && words.test(operatingSystem))?.[1] ?? OTHER_OS;
  const attributes = NAMESPACES.map(([prefix, uri]) => `xmlns${prefix && `:${prefix}`}="${uri}"`).join(' ');
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope ${attributes}>
  <References>
    <File ovf:id="file1" ovf:href="${escaped(machine.diskFile)}" ovf:size="${machine.fileBytes}"/>
  </References>
  <DiskSection>
    <Info>Disks</Info>
    <Disk ovf:diskId="disk1" ovf:fileRef="file1" ovf:capacity="${machine.capacityBytes}" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
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
${hardware(configuration, networks)
  .map((item, i) => itemText({ InstanceID: i + 1, ...item }))
  .join('\n')}
${bootMode ? `      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="${bootMode === 'uefi' ? 'efi' : 'bios'}"/>\n` : ''}    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`;
}

type Item = Record<string, string | number>;

/** ResourceType: 3 processors, 4 memory, 20 SATA controller, 17 disk, 10 network adapter. */
function hardware({ cpus, memoryBytes }: RecordedConfiguration, networks: readonly string[]): Item[] {
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
    { ElementName: 'SATA controller', ResourceType: 20, ResourceSubType: 'AHCI', Address: 0 },
    { ElementName: 'Disk 1', ResourceType: 17, HostResource: 'ovf:/disk/disk1', Parent: 3, AddressOnParent: 0 },
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
