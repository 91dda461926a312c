/** What forbids a capture: a source that is being written to gives an image of no moment. */
import type { PlaceView } from '../contract/disk.contract.ts';
import type { Check } from '../contract/warnings.ts';
import type { Machine } from '../machines/machine.port.ts';

export async function checkSource(machine: Machine, place: PlaceView, catalogRoot: string): Promise<Check[]> {
  const data = { path: place.path };
  const refusals =
    place.kind === 'file'
      ? (await machine.fileRefusals(place.path, catalogRoot)).captureRefusals
      : ((await machine.listDevices(catalogRoot)).find((device) => device.path === place.path)?.captureRefusals ?? []);
  if (refusals.length === 0) {
    return [
      { code: 'SOURCE_READABLE', level: 'pass', data },
      { code: 'SOURCE_NOT_IN_USE', level: 'pass', data },
    ];
  }
  return refusals.map(({ code, details }) => ({
    code: code === 'MOUNTED_READ_WRITE' ? 'SOURCE_MOUNTED_READ_WRITE' : 'SOURCE_IN_USE',
    level: 'block',
    data: { ...data, details: details.join(', '), reason: code },
  }));
}
