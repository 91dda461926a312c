/** Lengths of disks, as far as a format has them. */
import { EngineError } from '../core/engine-error.ts';
import type { LengthRule } from './image-writer.port.ts';

/**
 * @param format its name, for the error
 * @returns the length that a disk gets in the format
 * @throws EngineError `FORMAT_UNSUPPORTED` where it is too long
 */
export function roundedLength(format: string, { stepBytes, maxBytes }: LengthRule, lengthBytes: number): number {
  if (lengthBytes <= maxBytes) return Math.ceil(lengthBytes / stepBytes) * stepBytes;
  const gib = Math.floor(maxBytes / 2 ** 30);
  throw new EngineError('FORMAT_UNSUPPORTED', { feature: `${format} over ${gib} GiB`, lengthBytes, maxBytes });
}
