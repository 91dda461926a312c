/** What the guest of each version's disk can start from: the same for every target, and found by unpacking its first file systems. */
import type { KernelDrivers } from '../../contract/drivers.contract.ts';
import { readGuestDrivers } from '../../guest/drivers/guest-drivers.ts';
import type { OpenedDisk } from './opened-disk.ts';

const MAX_KNOWN = 64;

export class KnownDrivers {
  /** the first is the one that was not asked for longest */
  readonly #known = new Map<string, KernelDrivers[]>();

  /**
   * @param manifest of the disk: what it says never changes @param ofAllKernels those that are not started by default as well
   * @throws EngineError `ABORTED`; what is damaged is unknown, and looked for again the next time
   */
  async of(
    manifest: string,
    { input }: OpenedDisk,
    ofAllKernels: boolean,
    signal: AbortSignal,
  ): Promise<KernelDrivers[]> {
    const key = `${manifest} ${ofAllKernels}`;
    const known = this.#known.get(key);
    const drivers = known ?? (await readGuestDrivers(input.volumes, signal, ofAllKernels ? undefined : 1));
    if (drivers.length === 0 || drivers.some(({ buses }) => Object.values(buses).includes('unknown'))) return drivers;
    this.#known.delete(key);
    this.#known.set(key, drivers);
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.keys().next().value!);
    return drivers;
  }
}
