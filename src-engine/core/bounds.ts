/** Checks for numbers that come from untrusted bytes: every length, offset and count passes here before it is used. */
import { EngineError } from './engine-error.ts';

/**
 * @param what name of the field, as the format's specification calls it
 * @throws EngineError `FORMAT_INVALID` unless `min <= value <= max` and value is a safe integer
 */
export function checkRange(what: string, value: number, min: number, max: number): number {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new EngineError('FORMAT_INVALID', { field: what, value: String(value), min, max });
  }
  return value;
}

/** @throws EngineError `FORMAT_INVALID` unless [offset, offset + length) lies inside [0, limit) */
export function checkSpan(what: string, offsetBytes: number, lengthBytes: number, limitBytes: number): void {
  checkRange(what, offsetBytes, 0, limitBytes);
  checkRange(what, lengthBytes, 0, limitBytes - offsetBytes);
}
