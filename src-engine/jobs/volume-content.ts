/** What a volume holds by itself: a file system, or something that has a name, or nothing that is known. */
import type { Warning } from '../contract/warnings.ts';
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import type { FileSystem } from '../filesystems/file-system.port.ts';
import { recogniseFileSystem } from '../filesystems/recognise.ts';
import { recogniseSignature } from '../filesystems/signatures.ts';

export interface VolumeContent {
  readonly fileSystem: FileSystem | null;
  /** what it is where it is no file system that can be read here: 'luks', 'lvm2'…, or null */
  readonly recognised: string | null;
  /** why it cannot be read, where something is there that could be */
  readonly refusal: EngineError | null;
  /** without the volume that they are about */
  readonly warnings: readonly Warning[];
}

/** @throws EngineError `READ_FAILED` */
export async function contentOf(volume: BlockSource): Promise<VolumeContent> {
  try {
    const fileSystem = await recogniseFileSystem(volume);
    if (fileSystem) return { fileSystem, recognised: null, refusal: null, warnings: fileSystem.warnings };
  } catch (error) {
    return unreadable(await recogniseSignature(volume), damage(error));
  }
  const recognised = await recogniseSignature(volume);
  const data = { name: recognised ?? '', lengthBytes: volume.lengthBytes };
  return { fileSystem: null, recognised, refusal: null, warnings: [{ code: 'FILESYSTEM_UNKNOWN', data }] };
}

/** What is there and cannot be read, for the reason that an error gives. */
export function unreadable(recognised: string | null, refusal: EngineError): VolumeContent {
  const { checksum, feature, field, devices } = refusal.data;
  const reason = String(checksum ?? feature ?? field ?? refusal.code);
  const warning: Warning =
    feature === 'several devices'
      ? { code: 'SEVERAL_DEVICES', data: { devices: devices ?? null } }
      : { code: checksum === undefined ? 'FILESYSTEM_UNREADABLE' : 'CHECKSUM_MISMATCH', data: { reason } };
  return { fileSystem: null, recognised, refusal, warnings: [warning] };
}

/** @throws what is not said of a format: a fault of ours, or of the disk */
export function damage(thrown: unknown): EngineError {
  if (thrown instanceof EngineError && ['FORMAT_INVALID', 'FORMAT_UNSUPPORTED'].includes(thrown.code)) return thrown;
  throw thrown;
}
