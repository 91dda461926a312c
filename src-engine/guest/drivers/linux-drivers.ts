/** What each kernel of a Linux system can start from. */
import { DRIVER_BUSES, type DriverBus, type DriverPlace, type KernelDrivers } from '../../contract/drivers.contract.ts';
import type { Kernel } from '../../contract/guest.contract.ts';
import type { GuestFiles } from '../guest-files.ts';
import { readKernels } from '../linux/kernels.ts';
import { LINUX_DRIVERS } from './driver-table.ts';
import { readFirstFileSystem, type FirstFileSystem } from './first-file-system.ts';
import { readKernelModules, type KernelModules } from './kernel-modules.ts';
import { kernelVersionOf } from './kernel-version.ts';

/** How Debian, Red Hat (dracut, and mkinitrd before it), SUSE, Arch, Alpine and Gentoo name the first file system of a kernel. */
const namesOf = (version: string): string[] => [
  `initrd.img-${version}`,
  `initramfs-${version}.img`,
  `initrd-${version}.img`,
  `initrd-${version}`,
  `initramfs-${version}`,
  `initramfs-genkernel-x86_64-${version}`,
  `initrd-${version}.gz`,
];

/** @param maxKernels the default one is the first @throws EngineError `ABORTED` */
export async function linuxDrivers(
  files: GuestFiles,
  maxKernels: number,
  signal: AbortSignal,
): Promise<KernelDrivers[]> {
  const { kernels, bootKernel } = await readKernels(files, null);
  const isDefault = ({ version }: Kernel) => version === bootKernel.value;
  const inOrder = (kernels.value ?? []).toSorted((a, b) => Number(isDefault(b)) - Number(isDefault(a)));
  const found: KernelDrivers[] = [];
  for (const kernel of inOrder.slice(0, maxKernels)) {
    found.push({ ...(await driversOf(files, kernel, signal)), isDefault: isDefault(kernel) });
  }
  return found;
}

async function driversOf(files: GuestFiles, kernel: Kernel, signal: AbortSignal) {
  const named = kernel.version;
  const version = (await kernelVersionOf(files, kernel.file)) ?? named;
  const modules = await readKernelModules(files, version, named);
  const firstFile = await files.firstOf([...new Set([named, version])].flatMap(namesOf).map((name) => `/boot/${name}`));
  const first =
    firstFile === null
      ? null
      : await files.guarded(firstFile, async () => {
          const content = await files.content(firstFile);
          return content && readFirstFileSystem(content, version, signal);
        });
  const isUnread = firstFile !== null && !first?.isWhole;
  const buses = DRIVER_BUSES.map((bus): [DriverBus, DriverPlace] => [bus, placeOf(bus, modules, first, isUnread)]);
  return { version, file: kernel.file, firstFile, buses: Object.fromEntries(buses) as Record<DriverBus, DriverPlace> };
}

/** Whether one of the sets of modules that a bus needs is there whole. */
function placeOf(
  bus: DriverBus,
  { builtIn, installed }: KernelModules,
  first: FirstFileSystem | null,
  isUnread: boolean,
): DriverPlace {
  const { sets } = LINUX_DRIVERS[bus];
  const isBuiltIn = (module: string) => builtIn?.has(module) === true;
  const isFirst = (module: string) => isBuiltIn(module) || first?.modules.has(module) === true;
  const isInstalled = (module: string) => isFirst(module) || installed?.has(module) === true;
  if (sets.some((set) => set.every(isBuiltIn))) return 'kernel';
  if (sets.some((set) => set.every(isFirst))) return 'first';
  // of a kernel with no list at all, anything may be built in
  if (isUnread || builtIn === null) return 'unknown';
  if (sets.some((set) => set.every(isInstalled))) return 'installed';
  return installed === null && builtIn.size === 0 ? 'unknown' : 'none';
}
