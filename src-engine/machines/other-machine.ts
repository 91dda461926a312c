/** A machine whose attached disks cannot be reached: image files work. */
import { stat } from 'node:fs/promises';
import { EngineError } from '../core/engine-error.ts';
import { filePlace, notAPlace, ownRefusals, resolvedSource } from './image-file.ts';
import type { Machine } from './machine.port.ts';
import { resolvedAsFarAsItExists } from './paths.ts';

/** Windows names devices so; they are no files that could be looked at. */
const WINDOWS_DEVICE = /^[\\/]{2}[.?][\\/]/;

export function otherMachine(platform: NodeJS.Platform): Machine {
  const unsupported = () => new EngineError('UNSUPPORTED_PLATFORM', { platform });
  return {
    async listDevices() {
      throw unsupported();
    },
    async deviceAt() {
      throw unsupported();
    },
    async bytesAt(anyPath) {
      return [`path ${await resolvedAsFarAsItExists(anyPath)}`];
    },
    async placeOf(anyPath) {
      if (platform === 'win32' && WINDOWS_DEVICE.test(anyPath)) throw unsupported();
      const realPath = await resolvedSource(anyPath);
      const stats = await stat(realPath);
      // Where disks have a character device besides, as on macOS and BSD, that one is a disk too.
      if (stats.isBlockDevice() || stats.isCharacterDevice()) throw unsupported();
      if (!stats.isFile()) throw notAPlace(anyPath, 'NEITHER_DISK_NOR_FILE');
      return filePlace(realPath, stats.size);
    },
    async writesTo() {
      return '';
    },
    async identifyDevice() {
      throw unsupported();
    },
    fileRefusals: ownRefusals,
    async claim() {
      return { release: async () => {} };
    },
  };
}
