/** Makes the volumes that a new machine's disks are: each is written down before it is made, with what it is known by before it is written to. */
import type { PlannedVm } from '../../../contract/new-vm.contract.ts';
import { EngineError } from '../../../core/engine-error.ts';
import { refuseBlockedCheck } from '../../../judgement/overrides.ts';
import type { MadeVolume, Volumes } from '../../../machines/hypervisors/volumes.port.ts';
import { takenVolumeChecks } from '../volume-target.ts';

/**
 * @param lengths of its disks in bytes, by their paths
 * @param pledge writes down what there is to be taken back, as far as it is known
 * @throws EngineError `PLAN_BLOCKED` (check `VM_VOLUME_TAKEN`) before anything was made; `TOOL_FAILED` where the pool is full
 */
export async function makeVolumes(
  vm: PlannedVm,
  lengths: ReadonlyMap<string, number>,
  volumes: Volumes,
  pledge: (made: readonly MadeVolume[]) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { pool } = vm;
  const names = await volumes.names(pool, signal);
  for (const { path } of vm.disks) refuseBlockedCheck(await takenVolumeChecks(vm, path, names));
  const made: MadeVolume[] = [];
  for (const { path, volume } of vm.disks) {
    signal.throwIfAborted();
    const { name } = volume!;
    const lengthBytes = lengths.get(path)!;
    await pledge([...made, { name, key: null, lengthBytes }]);
    const known = await volumes.make(pool, name, lengthBytes);
    made.push({ name, key: known.key, lengthBytes });
    await pledge(made);
    if (known.path !== path)
      throw new EngineError('DEVICE_CHANGED', { path, changed: ['path'], plannedSerial: '', serial: known.path });
  }
}
