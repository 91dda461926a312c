/** What nobody can tell just now: neither that it is damaged nor that it is not there. */
import { EngineError } from '../core/engine-error.ts';

const UNTOLD = ['READ_FAILED', 'PERMISSION_DENIED', 'NOT_FOUND', 'CATALOG_TOO_NEW'] as const;
type Untold = EngineError & { readonly code: (typeof UNTOLD)[number] };

/** Whether an error says only that something cannot be read just now, or not by this Diskpress. */
export const isUntold = (error: unknown): error is Untold =>
  error instanceof EngineError && (UNTOLD as readonly string[]).includes(error.code);
