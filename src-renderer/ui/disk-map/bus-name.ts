/** What disks are plugged into, as it is written. */

const NAMES: Readonly<Record<string, string>> = { nvme: 'NVMe', virtio: 'virtio' };

/**
 * `SATA`, `NVMe`, `virtio`: the same in every language.
 * @param bus as systems and definitions of machines spell it; '' and null: it is not known
 * @param address the place on it, where several disks share one: `SATA 0`
 */
export function busName(bus: string | null | undefined, address: string | null = null): string {
  const name = bus ? (NAMES[bus] ?? bus.toUpperCase()) : '';
  return [name, address].filter(Boolean).join(' ');
}
