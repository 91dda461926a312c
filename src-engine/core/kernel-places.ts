/** File systems of the kernel's own, which hold no files of people's: magic numbers of statfs(2). */
const KERNEL_FILE_SYSTEMS = new Map([
  [0x9fa0, 'proc'],
  [0x62656572, 'sysfs'],
  [0x27e0eb, 'cgroup'],
  [0x63677270, 'cgroup2'],
  [0x64626720, 'debugfs'],
]);

/** @param type as statfs tells it @returns what it is called; null: files may be kept there */
export const kernelPlace = (type: number): string | null => KERNEL_FILE_SYSTEMS.get(type) ?? null;
