/** Whether the disks that were chosen are still there: one may be unplugged, plugged in again, or exchanged for another. */
import { computed, reactive, watch } from 'vue';
import type { DeviceView } from '../../../src-engine/contract/index.ts';

/** One medium at one place: another stick in the same port is another disk. */
export const identity = (device: Pick<DeviceView, 'path' | 'serial' | 'lengthBytes'>) =>
  `${device.path} ${device.serial} ${device.lengthBytes}`;

/**
 * Call it in a component's set-up, or in an effect scope. A path that was never an attached disk's is a file's, and never gone.
 * @param attached all disks that are attached now
 * @param chosen paths
 * @param exchanged hears of a path where another disk is now than the one that was chosen
 * @returns the chosen disks that are gone, as they were last seen, by their paths
 */
export function useGone(
  attached: () => readonly DeviceView[],
  chosen: () => readonly string[],
  exchanged: (path: string) => void,
) {
  const seen = reactive(new Map<string, DeviceView>());
  watch(
    [attached, () => chosen().join('\n')],
    () => {
      const paths = chosen();
      for (const path of [...seen.keys()]) if (!paths.includes(path)) seen.delete(path);
      for (const device of attached()) {
        if (!paths.includes(device.path)) continue;
        const before = seen.get(device.path);
        if (!before || identity(before) === identity(device)) {
          seen.set(device.path, device);
          continue;
        }
        seen.delete(device.path);
        exchanged(device.path);
      }
    },
    { immediate: true, flush: 'sync' },
  );
  return computed(() => {
    const paths = new Set(attached().map(({ path }) => path));
    return new Map([...seen].filter(([path]) => !paths.has(path)));
  });
}
