/** A volume of a pool as a target: planned like a new file, since nothing is there yet, and written like a device. */
import { lstat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { PlannedVm } from '../../contract/new-vm.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import type { DescribedTarget } from '../../machines/describe-target.ts';
import type { DeployRecord } from '../plan-records.ts';

type Volume = NonNullable<PlannedVm['disks'][number]['volume']>;
type Facts = Pick<DescribedTarget['place'], 'lengthBytes' | 'sectorBytes' | 'physicalSectorBytes'>;

/** @param path of the target, as it was planned */
export function volumeAt(vm: PlannedVm | null, path: string): Volume | null {
  return vm?.disks.find((disk) => disk.path === path)?.volume ?? null;
}

export function volumeOf({ vm, target }: Pick<DeployRecord, 'vm' | 'target'>): Volume | null {
  return volumeAt(vm, target.path);
}

export const isFileTarget = (plan: Pick<DeployRecord, 'vm' | 'target'>) =>
  plan.target.kind === 'file' && volumeOf(plan) === null;

/** @returns as many bytes as whole extents have */
export function wholeExtents(lengthBytes: number, { extentBytes }: Pick<Volume, 'extentBytes'>): number {
  return Math.max(1, Math.ceil(lengthBytes / extentBytes)) * extentBytes;
}

/** @param facts of the disk that is wanted: the volume is not shorter */
export function describeVolume(path: string, volume: Volume, facts: Facts): DescribedTarget {
  const lengthBytes = wholeExtents(facts.lengthBytes, volume);
  return { place: { kind: 'file', path, model: basename(path), serial: '', ...facts, lengthBytes }, exists: false };
}

/** @param wantedBytes before it was rounded */
export function volumeChecks(vm: PlannedVm, path: string, lengthBytes: number, wantedBytes: number): Check[] {
  const { name, extentBytes } = volumeAt(vm, path)!;
  const data = { pool: vm.pool, volume: name, path, lengthBytes };
  const checks: Check[] = [{ code: 'VM_VOLUME_NEW', level: 'pass', data }];
  if (lengthBytes !== wantedBytes)
    checks.push({ code: 'VM_VOLUME_ROUNDED', level: 'warn', data: { ...data, wantedBytes, extentBytes } });
  return checks;
}

/** What speaks against making it: something has its path, or its pool knows one of its name. */
export async function takenVolumeChecks(vm: PlannedVm, path: string, names: readonly string[]): Promise<Check[]> {
  const { name } = volumeAt(vm, path)!;
  const isThere = await lstat(path).then(
    () => true,
    () => false,
  );
  const data = { pool: vm.pool, volume: name, path };
  return isThere || names.includes(name) ? [{ code: 'VM_VOLUME_TAKEN', level: 'block', data }] : [];
}
