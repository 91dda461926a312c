/** The folders of an ISO as virtio-win lays it out, with programs of which only the head is one. */
import type { GuestTree } from './guests.ts';

export const MACHINES = { amd64: 0x8664, x86: 0x014c, ARM64: 0xaa64 } as const;
export type Machine = keyof typeof MACHINES;

/** The head of a program for Windows, and words by which a file is told from others. Microsoft, "PE Format". */
export function program(machine: Machine, words: string): Buffer {
  const bytes = Buffer.alloc(2048);
  bytes.write('MZ', 0);
  bytes.writeUInt32LE(128, 60);
  bytes.write('PE\0\0', 128, 'latin1');
  bytes.writeUInt16LE(MACHINES[machine], 132);
  bytes.write(words, 512);
  return bytes;
}

/** One driver as it lies in a folder for one Windows: its words name that folder. */
export function driverFiles(driver: string, windows: string, machine: Machine): GuestTree {
  const folder = `${driver}/${windows}/${machine}`;
  return {
    [`${folder}/${driver}.sys`]: program(machine, folder),
    [`${folder}/${driver}.inf`]: `; ${folder}\r\n[Version]\r\nClass=SCSIAdapter\r\n`,
    [`${folder}/${driver}.cat`]: `signatures of ${folder}`,
    [`${folder}/${driver}.pdb`]: 'not wanted',
  };
}

const WINDOWS = ['2k8R2', 'w7', 'w8', 'w8.1', '2k12', '2k12R2', 'w10', 'w11', '2k16', '2k19', '2k22', '2k25'];

/** All drivers of disks for all of Windows, and a folder that nobody looks for. */
export const VIRTIO_WIN: GuestTree = Object.assign(
  { 'NetKVM/w10/amd64/netkvm.sys': program('amd64', 'net'), 'virtio-win_license.txt': 'BSD\r\n' },
  ...['viostor', 'vioscsi'].flatMap((driver) => [
    ...WINDOWS.map((windows) => driverFiles(driver, windows, 'amd64')),
    ...['w7', 'w8', 'w8.1', 'w10'].map((windows) => driverFiles(driver, windows, 'x86')),
    driverFiles(driver, 'w11', 'ARM64'),
  ]),
  driverFiles('viostor', 'xp', 'x86'),
) as GuestTree;
