/** Why something inside a guest is not changed. Words: `guestReason.REASON`. */
import { EngineError } from '../core/engine-error.ts';

const SHOWN_CHARACTERS = 300;

/** A place of the guest that does not lead to where it should. */
export const unsafe = (path: string, reason: string) => new EngineError('GUEST_UNSAFE', { path: shown(path), reason });

/** What cannot be done to a guest here. */
export const impossible = (path: string, reason: string) =>
  new EngineError('GUEST_CHANGE_IMPOSSIBLE', { path: shown(path), reason });

const shown = (path: string) => path.slice(0, SHOWN_CHARACTERS);

/** Whether the guest's file system is to blame. */
export const damageReason = (error: unknown): boolean =>
  error instanceof EngineError && ['FORMAT_INVALID', 'FORMAT_UNSUPPORTED'].includes(error.code);
