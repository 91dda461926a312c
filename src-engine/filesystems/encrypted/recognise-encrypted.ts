/** Tells what an encrypted volume is encrypted with, where it says so. */
import type { BlockSource } from '../../disk/block-source.port.ts';
import { recogniseBitLocker } from './bitlocker.ts';
import type { EncryptedVolume } from './encrypted.port.ts';
import { recogniseLuks } from './luks.ts';

/** @throws EngineError `READ_FAILED` */
export async function recogniseEncrypted(volume: BlockSource): Promise<EncryptedVolume | null> {
  return (await recogniseLuks(volume)) ?? (await recogniseBitLocker(volume));
}
