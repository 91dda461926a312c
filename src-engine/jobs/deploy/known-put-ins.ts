/** Drivers that are put into a Windows, for the targets of one request: the ISO is read once, and hives are edited once. */
import type { DriverBus } from '../../contract/drivers.contract.ts';
import type { DeployRecord } from '../plan-records.ts';
import type { OpenedDisk } from './opened-disk.ts';
import { planPutIn, type PutInPlan } from './put-in-drivers.ts';

export class KnownPutIns {
  readonly #known = new Map<string, PutInPlan>();

  /** @param manifest of the disk: what it says never changes @throws as {@link planPutIn} */
  async of(
    manifest: string,
    template: OpenedDisk,
    request: Pick<DeployRecord['request'], 'virtioDrivers' | 'settings'>,
    wanted: readonly DriverBus[],
    isAlone: boolean,
    signal: AbortSignal,
  ): Promise<PutInPlan> {
    const files = request.settings?.files.map(({ path }) => path) ?? [];
    const key = JSON.stringify([manifest, request.virtioDrivers, files, wanted, isAlone]);
    const plan = this.#known.get(key) ?? (await planPutIn(template, request, wanted, isAlone, signal));
    this.#known.set(key, plan);
    return plan;
  }
}
