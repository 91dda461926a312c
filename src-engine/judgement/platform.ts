/** Whether a disk belongs to a virtual machine or to a physical one. */
import type { DeviceView, PlaceView } from '../contract/disk.contract.ts';
import type { MachineProfile } from '../contract/machine.contract.ts';

export interface Platform {
  readonly value: 'virtual' | 'physical' | null;
  /** what told it */
  readonly origin: string;
}

const VIRTUAL_BUSES = ['virtio', 'xen'];
const VIRTUAL_MODELS = /^(qemu|vbox|vmware|msft virtual|virtual disk|xen)/i;

/**
 * @param device null for a file, which stands for the disk of a virtual machine
 * @param named the machine that a person has said it belongs to: what is known of it counts first
 */
export function platformOf(place: PlaceView, device: DeviceView | null, named: MachineProfile | null): Platform {
  if (named && named.isVirtual !== null) {
    return { value: named.isVirtual ? 'virtual' : 'physical', origin: named.name };
  }
  if (!device) return { value: 'virtual', origin: place.path };
  const isVirtual = VIRTUAL_BUSES.includes(device.bus) || VIRTUAL_MODELS.test(device.model);
  return { value: isVirtual ? 'virtual' : 'physical', origin: [place.path, device.bus].join(', ') };
}
