import { linuxMachine } from './linux/linux-machine.ts';
import type { Machine } from './machine.port.ts';
import { otherMachine } from './other-machine.ts';

/** @returns the machine that this process runs on */
export function thisMachine(platform: NodeJS.Platform = process.platform): Machine {
  return platform === 'linux' ? linuxMachine() : otherMachine(platform);
}
