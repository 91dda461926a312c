/** Whether a path is where this system has disks, as far as its name tells. Linux has files in memory beside them, in /dev/shm. */
export const isDevicePath = (path: string): boolean => path.startsWith('/dev/') && !path.startsWith('/dev/shm/');
