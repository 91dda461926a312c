/** What a volume holds by itself: a file system, or something that has a name, or nothing that is known. */
import type { Warning } from '../contract/warnings.ts';
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import type { EncryptedVolume } from '../filesystems/encrypted/encrypted.port.ts';
import { looksRandom } from '../filesystems/encrypted/random.ts';
import { recogniseEncrypted } from '../filesystems/encrypted/recognise-encrypted.ts';
import type { FileSystem } from '../filesystems/file-system.port.ts';
import { lookAtFaces } from '../filesystems/recognise.ts';
import { signaturesOf, type Signature } from '../filesystems/signatures.ts';

export interface VolumeContent {
  readonly fileSystem: FileSystem | null;
  /** what it is where it is no file system that can be read here: 'luks', 'lvm2'…, or null */
  readonly recognised: string | null;
  /** label and UUID of {@link recognised}; '' where it has none */
  readonly recognisedLabel?: string;
  readonly recognisedUuid?: string;
  /** why it cannot be read, where something is there that could be */
  readonly refusal: EngineError | null;
  /** without the volume that they are about */
  readonly warnings: readonly Warning[];
}

/**
 * @param known what {@link signaturesOf} says of it, where that was asked before
 * @throws EngineError `READ_FAILED`
 */
export async function contentOf(
  volume: BlockSource,
  known: readonly Signature[] | null = null,
): Promise<VolumeContent> {
  let signature: Signature | undefined;
  let contested: readonly string[];
  const named = () => ({ recognisedLabel: signature?.label ?? '', recognisedUuid: signature?.uuid ?? '' });
  try {
    const signatures = known ?? (await signaturesOf(volume));
    [signature] = signatures;
    const recognised = signature?.name ?? null;
    const encrypted = ENCRYPTED.includes(recognised) ? await recogniseEncrypted(volume) : null;
    if (encrypted) {
      const found = { recognised, ...named(), recognisedUuid: encrypted.uuid };
      return { fileSystem: null, ...found, refusal: null, warnings: encryptedWarnings(volume, encrypted) };
    }
    const faces = await lookAtFaces(volume, signatures);
    ({ contested } = faces);
    const { fileSystem } = faces;
    if (fileSystem) return { fileSystem, recognised: null, refusal: null, warnings: fileSystem.warnings };
  } catch (error) {
    return { ...unreadable(signature?.name ?? null, damage(error)), ...named() };
  }
  const recognised = signature?.name ?? null;
  const { lengthBytes } = volume;
  const warning: Warning =
    contested.length > 0
      ? { code: 'VOLUME_CLAIMED_TWICE', data: { names: [...contested] } }
      : { code: 'FILESYSTEM_UNKNOWN', data: { name: recognised ?? '', lengthBytes } };
  return { fileSystem: null, recognised, ...named(), refusal: null, warnings: [warning] };
}

/**
 * What was recognised by others (a member of a group), with its own label and UUID.
 * @param known as for {@link contentOf}
 * @throws EngineError `READ_FAILED`
 */
export async function withNames(
  volume: BlockSource,
  content: VolumeContent,
  known: readonly Signature[] | null,
): Promise<VolumeContent> {
  if (content.recognised === null) return content;
  try {
    const signature = (known ?? (await signaturesOf(volume))).find(({ name }) => name === content.recognised);
    return { ...content, recognisedLabel: signature?.label ?? '', recognisedUuid: signature?.uuid ?? '' };
  } catch (error) {
    damage(error);
    return content;
  }
}

const ENCRYPTED: (string | null)[] = ['luks', 'bitlocker'];

function encryptedWarnings({ lengthBytes }: BlockSource, encrypted: EncryptedVolume): Warning[] {
  const { name, cipher, uuid, isSuspended, drive } = encrypted;
  const warnings: Warning[] = [{ code: 'VOLUME_ENCRYPTED', data: { name, lengthBytes, cipher, uuid } }];
  // the drive that Windows is on, where the volume does not say which one it is
  if (isSuspended) warnings.push({ code: 'BITLOCKER_SUSPENDED', data: { drive: drive || 'C:' } });
  return warnings;
}

/**
 * The same where nothing is known of a volume, after a look at many places of it: whether it looks like random bytes.
 * @throws EngineError `READ_FAILED`
 */
export async function sampled(volume: BlockSource, content: VolumeContent): Promise<VolumeContent> {
  if (content.warnings[0]?.code !== 'FILESYSTEM_UNKNOWN' || content.recognised !== null) return content;
  try {
    if (!(await looksRandom(volume))) return content;
  } catch (error) {
    // sectors that a capture goes on over
    return unreadable(null, damage(error));
  }
  return { ...content, warnings: [{ code: 'VOLUME_LOOKS_RANDOM', data: { lengthBytes: volume.lengthBytes } }] };
}

/** What is there and cannot be read, for the reason that an error gives. */
export function unreadable(recognised: string | null, refusal: EngineError): VolumeContent {
  const { checksum, feature, field, devices } = refusal.data;
  const reason = String(checksum ?? feature ?? field ?? refusal.code);
  const warning: Warning =
    feature === 'several devices'
      ? { code: 'SEVERAL_DEVICES', data: { devices: devices ?? '2+' } }
      : { code: checksum === undefined ? 'FILESYSTEM_UNREADABLE' : 'CHECKSUM_MISMATCH', data: { reason } };
  return { fileSystem: null, recognised, refusal, warnings: [warning] };
}

/** @throws what is not said of a format: a fault of ours, or of the disk */
export function damage(thrown: unknown): EngineError {
  if (thrown instanceof EngineError && ['FORMAT_INVALID', 'FORMAT_UNSUPPORTED'].includes(thrown.code)) return thrown;
  throw thrown;
}
