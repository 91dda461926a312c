/** Drivers that are put into a Windows: planned on the template, worked out again on the target, and looked for there when they are written. */
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { DriverBus, KernelDrivers, PutInDrivers } from '../../contract/drivers.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { GuestChange } from '../../guest/changes.port.ts';
import { canStartFrom, readGuestDrivers } from '../../guest/drivers/guest-drivers.ts';
import { DRIVER_PARTS } from '../../guest/drivers/virtio/virtio-drivers.ts';
import type { DeployRecord } from '../plan-records.ts';
import type { Deployment } from './deployment.ts';
import { openDisk, type OpenedDisk } from './opened-disk.ts';
import { targetView } from './target-view.ts';
import { windowsDrivers, type WindowsDrivers } from './windows-drivers.ts';

export interface PutInPlan {
  readonly putIn: PutInDrivers | null;
  readonly changes: readonly GuestChange[];
  readonly checks: readonly Check[];
}

const NOTHING: PutInPlan = { putIn: null, changes: [], checks: [] };
const REFUSALS = {
  DRIVERS_NOT_PUT_IN: 'DRIVERS_CANNOT_BE_PUT_IN',
  VIRTIO_DRIVER_MISSING: 'VIRTIO_DRIVER_MISSING',
} as const;

/**
 * @param template opened @param wanted what it is to start from @param isAlone a system is to be on this disk
 * @throws EngineError `NOT_FOUND`, `PERMISSION_DENIED`, `BAD_REQUEST` for an ISO that is no file; `READ_FAILED`, `ABORTED`
 */
export async function planPutIn(
  template: OpenedDisk,
  { virtioDrivers, settings }: Pick<DeployRecord['request'], 'virtioDrivers' | 'settings'>,
  wanted: readonly DriverBus[],
  isAlone: boolean,
  signal: AbortSignal,
): Promise<PutInPlan> {
  if (virtioDrivers === undefined) return NOTHING;
  const iso = resolve(virtioDrivers);
  const blocked = (code: Check['code'], data: Check['data']): PutInPlan => ({
    ...NOTHING,
    checks: [{ code, level: 'block', data }],
  });
  try {
    const found = await windowsDrivers({ ...template, isCaptured: true }, iso, wanted, signal);
    if (!found) return isAlone ? blocked('DRIVERS_CANNOT_BE_PUT_IN', { path: iso, reason: 'no-windows' }) : NOTHING;
    const { changes } = found;
    const paths = new Set(changes.map(({ path }) => path.toLowerCase()));
    const twice = settings?.files.find(({ path }) => paths.has(path.toLowerCase().replace(/\/+/g, '/')));
    if (twice) return blocked('DRIVERS_CANNOT_BE_PUT_IN', { path: twice.path, reason: 'file-put-twice' });
    const putIn = putInOf(iso, found);
    const { drivers, folder } = putIn;
    const names = drivers.map(({ name }) => name).join(', ');
    return { putIn, changes, checks: [{ code: 'DRIVERS_PUT_IN', level: 'warn', data: { drivers: names, folder } }] };
  } catch (error) {
    if (error instanceof EngineError && isRefusal(error.code)) return blocked(REFUSALS[error.code], error.data);
    throw error;
  }
}

const isRefusal = (code: string): code is keyof typeof REFUSALS => Object.hasOwn(REFUSALS, code);

function putInOf(iso: string, { kind, drivers }: WindowsDrivers): PutInDrivers {
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  return {
    iso,
    release: kind.release,
    folder: `${kind.folder}/${kind.architecture.folder}`,
    drivers: drivers.map(({ driver: { name, bus }, parts }) => ({
      name,
      bus,
      files: DRIVER_PARTS.map((part) => ({
        name: `${name}.${part}`,
        lengthBytes: parts[part].length,
        sha256: sha256(parts[part]),
      })),
    })),
  };
}

/** What each kernel can start from when the drivers are there. */
export function withPutIn(kernels: readonly KernelDrivers[], putIn: PutInDrivers | null): KernelDrivers[] {
  const added = Object.fromEntries((putIn?.drivers ?? []).map(({ bus }) => [bus, 'first' as const]));
  return kernels.map((kernel) => ({ ...kernel, buses: { ...kernel.buses, ...added } }));
}

/**
 * The changes on the target: of the files that the plan has seen, and no others.
 * @throws EngineError `DRIVERS_NOT_PUT_IN` where the ISO holds something else by now; as {@link windowsDrivers}
 */
export async function driverChanges(
  { plan }: Pick<Deployment, 'plan'>,
  disk: OpenedDisk,
  signal: AbortSignal,
): Promise<readonly GuestChange[]> {
  const { putIn } = plan;
  if (!putIn) return [];
  const buses = putIn.drivers.map(({ bus }) => bus);
  const found = await windowsDrivers({ ...disk, isCaptured: false }, putIn.iso, buses, signal);
  if (!found || !isDeepStrictEqual(putInOf(putIn.iso, found), putIn))
    throw new EngineError('DRIVERS_NOT_PUT_IN', { path: putIn.iso, reason: 'iso-changed' });
  return found.changes;
}

/** What was put in is believed when our own reader finds that the guest starts it. @throws EngineError `DRIVERS_NOT_PUT_IN`, `ABORTED` */
export async function expectPutIn(deployment: Deployment, { signal }: JobContext): Promise<void> {
  const { putIn, target } = deployment.plan;
  if (!putIn) return;
  await deployment.sink.sync();
  const { input } = await openDisk(targetView(deployment));
  const [windows] = await readGuestDrivers(input.volumes, signal);
  if (putIn.drivers.every(({ bus }) => windows && canStartFrom(windows, bus))) return;
  throw new EngineError('DRIVERS_NOT_PUT_IN', { path: target.path, reason: 'not-started' });
}
