import { EngineError } from '../core/engine-error.ts';
import { linuxMachine } from './linux/linux-machine.ts';
import type { Machine } from './machine.port.ts';

/** Image files work on every platform, attached disks where this knows how to reach them. */
export function thisMachine(platform: NodeJS.Platform = process.platform): Machine {
  return platform === 'linux' ? linuxMachine() : machineWithoutDisks(platform);
}

function machineWithoutDisks(platform: NodeJS.Platform): Machine {
  const unsupported = () => new EngineError('UNSUPPORTED_PLATFORM', { platform });
  return {
    async listDevices() {
      throw unsupported();
    },
    diskByNumber() {
      throw unsupported();
    },
    async fileInUse() {
      return [];
    },
  };
}
