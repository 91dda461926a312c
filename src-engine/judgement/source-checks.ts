/** What forbids a capture: a source that is being written to gives an image of no moment. */
import type { DeviceView, PlaceView, Refusal } from '../contract/disk.contract.ts';
import type { Check, CheckCode } from '../contract/warnings.ts';
import type { Machine } from '../machines/machine.port.ts';

/** What the machine knows of a source: asked once for all that is judged of it, since each answer looks at every disk. */
export interface SourceUse {
  /** null: a file, or a device that is gone */
  readonly device: DeviceView | null;
  /** why it may not be captured */
  readonly refusals: readonly Refusal[];
}

/** Of each place, in their order. */
export async function usesOfSources(
  machine: Machine,
  places: readonly PlaceView[],
  catalogRoot: string,
): Promise<SourceUse[]> {
  const devices = places.every(({ kind }) => kind === 'file') ? [] : await machine.listDevices(catalogRoot);
  return Promise.all(
    places.map(async ({ kind, path }) => {
      // of another host: who serves it there knows who uses it
      if (path.startsWith('ssh://')) return { device: null, refusals: [] };
      if (kind === 'file') {
        const { captureRefusals } = await machine.fileRefusals(path, catalogRoot);
        return { device: null, refusals: captureRefusals };
      }
      const device = devices.find((other) => other.path === path) ?? null;
      if (device) return { device, refusals: device.captureRefusals };
      // a volume, which a virtual machine has for its disk
      const { captureRefusals } = await machine.fileRefusals(path, catalogRoot);
      return { device: null, refusals: captureRefusals };
    }),
  );
}

const CHECK_OF_REFUSAL: Partial<Record<Refusal['code'], CheckCode>> = {
  MOUNTED_READ_WRITE: 'SOURCE_MOUNTED_READ_WRITE',
  SYSTEM_DISK: 'SOURCE_IS_SYSTEM_DISK',
};

export function checkSource(place: Pick<PlaceView, 'path'>, { refusals }: SourceUse): Check[] {
  const data = { path: place.path };
  if (refusals.length === 0) {
    return [
      { code: 'SOURCE_READABLE', level: 'pass', data },
      { code: 'SOURCE_NOT_IN_USE', level: 'pass', data },
    ];
  }
  return refusals.map(({ code, details }) => ({
    code: CHECK_OF_REFUSAL[code] ?? 'SOURCE_IN_USE',
    level: 'block',
    data: { ...data, details: details.join(', '), reason: code },
  }));
}
