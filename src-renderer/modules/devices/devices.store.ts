/** The attached disks, and what is on each of them as far as it was looked at. */
import { defineStore } from 'pinia';
import { ref, shallowReactive, shallowRef } from 'vue';
import type { CommandResult, DeviceView, ErrorView } from '../../../src-engine/contract/index.ts';
import { useEngine } from '../../client/engine.store.ts';
import { useLookingAgain } from '../../client/looking-again.ts';
import { errorView } from '../../client/words.ts';
import { identity, useGone } from './still-there.ts';

const POLL_MS = 4_000;

/** What was seen of a disk when it was looked at. */
export type Inspection =
  { state: 'reading' } | ({ state: 'read' } & CommandResult<'source.inspect'>) | { state: 'failed'; error: ErrorView };

export const useDevices = defineStore('devices', () => {
  const engine = useEngine();
  const devices = shallowRef<DeviceView[]>([]);
  const isLoaded = ref(false);
  const error = shallowRef<ErrorView | null>(null);
  const inspections = shallowReactive(new Map<string, Inspection>());
  /** as they were last seen, by their paths: also those that were unplugged since */
  const known = shallowReactive(new Map<string, DeviceView>());
  const queue: DeviceView[] = [];
  let isReading = false;

  const inspectionOf = (device: DeviceView) => inspections.get(identity(device));

  /** One after the other: disks are slow, and a person may be using them. */
  async function readQueue() {
    if (isReading) return;
    isReading = true;
    for (let device = queue.shift(); device; device = queue.shift()) {
      const key = identity(device);
      try {
        inspections.set(key, { state: 'read', ...(await engine.call('source.inspect', { source: device.path })) });
      } catch (thrown) {
        inspections.set(key, { state: 'failed', error: errorView(thrown) });
      }
    }
    isReading = false;
  }

  /** @param all also those that were read before: what they show stays until the new reading is there */
  function inspect(all: boolean) {
    for (const device of devices.value) {
      const isClosed =
        device.asksRights.toRead ||
        device.captureRefusals.some(({ code }) => code === 'NO_PERMISSION' || code === 'NO_MEDIUM');
      const known = inspections.get(identity(device));
      if (isClosed || known?.state === 'reading' || (known && !all)) continue;
      if (!known) inspections.set(identity(device), { state: 'reading' });
      if (!queue.includes(device)) queue.push(device);
    }
    void readQueue();
  }

  async function load(all = false) {
    try {
      devices.value = await engine.call('device.list', {});
      for (const device of devices.value) known.set(device.path, device);
      error.value = null;
      isLoaded.value = true;
      inspect(all);
    } catch (thrown) {
      error.value = errorView(thrown);
    }
  }

  /** Looks at everything anew. */
  const refresh = () => load(true);

  /** Call it in the set-up of a page that shows disks: looks again every few seconds while the page is in sight. */
  function watchDevices() {
    void refresh();
    useLookingAgain(() => load(), POLL_MS);
  }

  /** The disk that was at this path and was unplugged, as it was last seen. */
  const unplugged = (path: string) =>
    devices.value.some((device) => device.path === path) ? undefined : known.get(path);

  /**
   * Call it in the set-up of a page where disks are chosen.
   * @param exchanged hears of a path where another disk is now than the one that was chosen
   * @returns the chosen disks that were unplugged, by their paths
   */
  const goneOf = (chosen: () => readonly string[], exchanged: (path: string) => void) =>
    useGone(() => devices.value, chosen, exchanged);

  return { devices, isLoaded, error, inspectionOf, load, refresh, watchDevices, unplugged, goneOf };
});
