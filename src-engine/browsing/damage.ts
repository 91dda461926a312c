/** What is wrong with one file or folder of an image does not keep the others from being worked on. */
import { EngineError } from '../core/engine-error.ts';

export function isDamage(error: unknown): error is EngineError {
  return error instanceof EngineError && ['FORMAT_INVALID', 'FORMAT_UNSUPPORTED'].includes(error.code);
}
