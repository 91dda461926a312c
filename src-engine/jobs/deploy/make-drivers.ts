/**
 * First file systems are made anew by the guest's own program, in a virtual machine, and taken over. The machine writes to an overlay and not to
 * the target: a system that starts, if only a part of it, writes more than was asked for (journals, times, random seeds), and what is half done when
 * it fails would be on the target. So nothing has to be held back, undone or explained: files come out of it, are looked into by our own
 * reader, and are written like every other change inside a guest.
 */
import type { FileHandle } from 'node:fs/promises';
import type { DriverMaking } from '../../contract/drivers.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { piecesOf } from '../../core/random-bytes.ts';
import type { FileContent } from '../../filesystems/file-tree.port.ts';
import type { GuestChange } from '../../guest/changes.port.ts';
import { canStartFrom, readGuestDrivers } from '../../guest/drivers/guest-drivers.ts';
import { openGuestFiles, type OpenedGuest } from '../../guest/open-guest-files.ts';
import { replacedFile } from '../../guest/replaced-file.ts';
import { runInGuest, type GivenFile, type TaskFailure } from '../../machines/qemu/run-in-guest.ts';
import { resolveChanges } from '../../writers/resolve.ts';
import { changeVolumes } from './change-volumes.ts';
import type { Deployment } from './deployment.ts';
import { driverScript, KEPT_SETTING } from './driver-script.ts';
import { openDisk, type OpenedDisk } from './opened-disk.ts';
import { targetView } from './target-view.ts';

const MIB = 1024 * 1024;
const MAX_KERNEL_BYTES = 256 * MIB;
const MAX_FIRST_FILE_BYTES = 1024 * MIB;
/** With all modules and firmware for them, a first file system has some ten to some hundred. */
const MAX_GIVEN_BYTES = 1024 * MIB;

/**
 * @throws EngineError `DRIVERS_NOT_MADE`; `GUEST_UNSAFE`, `GUEST_CHANGE_IMPOSSIBLE`, `GUEST_DIFFERS`, `TOOL_MISSING`, `TOOL_FAILED`,
 *   `TOOL_TIMED_OUT`, `DISK_FULL`, `ABORTED`
 */
export async function makeDrivers(deployment: Deployment, context: JobContext): Promise<void> {
  const { plan, sink } = deployment;
  const making = plan.driverMaking;
  if (!making) return;
  const { signal } = context;
  context.phase('making-drivers', 0);
  await sink.sync();
  const disk = await openDisk(targetView(deployment));
  const opened = await openGuestFiles(disk.input.volumes, signal);
  if (!opened) throw notMade(deployment, 'no-start', []);
  const given = await made(deployment, making, disk, opened, signal);
  const changes = changesOf(making, given);
  const resolved = await resolveChanges(changes, opened.files, disk.input.volumes, signal);
  await changeVolumes(deployment, disk.volumes, resolved, signal);
  tell(deployment, changes);
  await expectDrivers(deployment, making, signal);
}

async function made(
  deployment: Deployment,
  making: DriverMaking,
  disk: OpenedDisk,
  { files, mounts }: OpenedGuest,
  signal: AbortSignal,
): Promise<readonly GivenFile[]> {
  const [first] = making.kernels;
  const kernel = await files.content(first.file);
  const firstFile = await files.content(first.firstFile);
  const root = disk.input.volumes.find(({ ref }) => ref === mounts[0].volume);
  if (!kernel || !firstFile || !root) throw notMade(deployment, 'no-start', []);
  const outcome = await runInGuest(
    {
      disk: disk.source,
      bus: making.startBus,
      kernel: copier(kernel, MAX_KERNEL_BYTES),
      firstFile: copier(firstFile, MAX_FIRST_FILE_BYTES),
      rootWords: rootWords(root, mounts[0].folder),
      script: driverScript(making),
      timeoutSeconds: making.timeoutSeconds,
      maxBytes: MAX_GIVEN_BYTES,
    },
    signal,
  );
  if (outcome.failure) throw notMade(deployment, outcome.failure, outcome.lastLines);
  return outcome.files;
}

const copier =
  (content: FileContent, maxBytes: number) =>
  async (into: FileHandle): Promise<void> => {
    if (content.lengthBytes > maxBytes)
      throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'a first file system of that length' });
    // each call goes on where the one before it ended
    for await (const piece of piecesOf(content)) await into.writeFile(piece);
  };

/** Source: bootparam(7), dracut.cmdline(7) */
function rootWords({ ref, uuid }: { readonly ref: string; readonly uuid: string }, folder: string): string[] {
  const flags = folder === '' ? [] : [`rootflags=subvol=${folder}`];
  const [group, name] = ref.split('/');
  if (name === undefined) return [`root=UUID=${uuid}`, ...flags];
  const escaped = [group, name].map((one) => one.replaceAll('-', '--')).join('-');
  return [`root=/dev/mapper/${escaped}`, `rd.lvm.lv=${ref}`, ...flags];
}

/** Only what was to be made is taken: a guest may give what it likes. */
function changesOf({ way, kernels }: DriverMaking, given: readonly GivenFile[]): GuestChange[] {
  const paths = new Set(
    kernels.flatMap(({ version, firstFile }) => [firstFile, `/var/lib/initramfs-tools/${version}`]),
  );
  const setting =
    way === 'initramfs-tools' ? [replacedFile('drivers', KEPT_SETTING, Buffer.from('MODULES=most\n'))] : [];
  const taken = new Map(given.filter(({ path }) => paths.has(path)).map(({ path, bytes }) => [path, bytes]));
  return [...setting, ...[...taken].map(([path, bytes]) => replacedFile('drivers', path, bytes))];
}

function tell(deployment: Deployment, changes: readonly GuestChange[]): void {
  const inside = deployment.inside ?? { changes: [], identifiers: [], changedFiles: 0, sameFiles: 0, sameBytes: 0 };
  const views = changes.map(({ path }) => ({
    ...({ reason: 'drivers', kind: 'write', volume: '', path, before: null, after: null } as const),
  }));
  const { changedFiles } = inside;
  deployment.inside = {
    ...inside,
    changes: [...inside.changes, ...views],
    changedFiles: changedFiles + changes.length,
  };
}

/** What was made is believed when our own reader has found the drivers in it. */
async function expectDrivers(deployment: Deployment, making: DriverMaking, signal: AbortSignal): Promise<void> {
  await deployment.sink.sync();
  const { input } = await openDisk(targetView(deployment));
  const drivers = await readGuestDrivers(input.volumes, signal);
  const [first] = making.kernels;
  const kernel = drivers.find(({ version }) => version === first.version);
  const lacks = making.buses.filter((bus) => !kernel || !canStartFrom(kernel, bus));
  if (lacks.length > 0) throw notMade(deployment, 'missing', lacks);
}

const notMade = ({ target }: Deployment, reason: TaskFailure | 'missing', lastLines: readonly string[]) =>
  new EngineError('DRIVERS_NOT_MADE', { path: target.path, reason, last: lastLines.slice(-3).join(' | ') });
