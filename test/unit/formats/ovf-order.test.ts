/** The disks of a machine come in the order in which they are plugged in, whatever the order of the list. */
import { expect, test } from 'vitest';
import { parseDescriptor } from '../../../src-engine/formats/ova/descriptor.ts';

const CONTROLLERS = `
  <Item><rasd:Address>0</rasd:Address><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceType>20</rasd:ResourceType></Item>
  <Item><rasd:Address>1</rasd:Address><rasd:InstanceID>4</rasd:InstanceID><rasd:ResourceType>6</rasd:ResourceType></Item>`;
const drive = (disk: string, parent: number, address: string) => `
  <Item><rasd:AddressOnParent>${address}</rasd:AddressOnParent><rasd:HostResource>/disk/${disk}</rasd:HostResource>
  <rasd:InstanceID>${disk}-drive</rasd:InstanceID><rasd:Parent>${parent}</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>`;

function orderOf(listed: readonly string[], items: string): string[] {
  const text = `<?xml version="1.0"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData">
<References>${listed.map((id) => `<File ovf:id="f-${id}" ovf:href="${id}.vmdk"/>`).join('')}</References>
<DiskSection><Info/>${listed.map((id) => `<Disk ovf:capacity="1" ovf:diskId="${id}" ovf:fileRef="f-${id}"/>`).join('')}</DiskSection>
<VirtualSystem ovf:id="m"><Info/><Name>m</Name><VirtualHardwareSection><Info/>${items}</VirtualHardwareSection></VirtualSystem>
</Envelope>`;
  return parseDescriptor(Buffer.from(text)).disks.map(({ fileName }) => fileName.replace('.vmdk', ''));
}

test('by controller, then by address as a number', () => {
  const items = CONTROLLERS + drive('data', 3, '10') + drive('other', 4, '0') + drive('system', 3, '2');
  expect(orderOf(['data', 'other', 'system'], items)).toEqual(['system', 'data', 'other']);
});

test('that of the list where one of them does not say where it is', () => {
  for (const unsaid of [drive('system', 3, ''), drive('system', 99, '0'), '']) {
    expect(orderOf(['data', 'system'], CONTROLLERS + drive('data', 3, '1') + unsaid)).toEqual(['data', 'system']);
  }
});
