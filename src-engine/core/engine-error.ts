/** The one error class of the engine: a stable code, the facts, and a technical hint. Words for people are in the room `words`. */
import { formatFacts } from './format-facts.ts';
import { isDevice, largestFileAt, roomAt } from './room-at.ts';
import type { ErrorCode, ErrorView, MessageData } from '../contract/errors.ts';
import { isSchemaError } from '../contract/wrong-request.ts';

export class EngineError extends Error {
  readonly code: ErrorCode;
  readonly data: MessageData;
  readonly hint: string;

  /**
   * @param code stable; see contract/errors.ts
   * @param data facts for the words: bytes, paths, names
   * @param hint one technical English sentence for logs
   */
  constructor(code: ErrorCode, data: MessageData = {}, hint = '', options?: ErrorOptions) {
    super(`${code} ${JSON.stringify(data)}${hint && ` ${hint}`}`, options);
    this.name = 'EngineError';
    this.code = code;
    this.data = data;
    this.hint = hint;
  }

  /** What another thread or process has told. */
  static of({ code, data, hint }: ErrorView): EngineError {
    return new EngineError(code, data, hint);
  }

  toView(): ErrorView {
    const data = this.code === 'FORMAT_INVALID' ? formatFacts(this.data) : this.data;
    return { code: this.code, message: this.message, hint: this.hint, data };
  }
}

/** A place that has too little room for what is to be written there, told before anything is. */
export const tooLittleRoom = (path: string, requiredBytes: number, freeBytes: number): EngineError =>
  new EngineError('DISK_FULL', {
    ...{ path, requiredBytes, freeBytes, missingBytes: requiredBytes - freeBytes },
    reason: 'too little',
  });

/** What the operating system calls things, in the engine's codes. */
const SYSTEM_CODES: Record<string, ErrorCode> = {
  ENOENT: 'NOT_FOUND',
  ENOTDIR: 'NOT_FOUND',
  EACCES: 'PERMISSION_DENIED',
  EPERM: 'PERMISSION_DENIED',
  EROFS: 'PERMISSION_DENIED',
  EBUSY: 'DEVICE_BUSY',
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EFBIG: 'FILE_TOO_LARGE',
};

/** What SQLite calls things: the first two words of its codes. */
const SQLITE_CODES: Record<string, ErrorCode> = {
  SQLITE_BUSY: 'CATALOG_BUSY',
  SQLITE_LOCKED: 'CATALOG_BUSY',
  SQLITE_FULL: 'DISK_FULL',
  SQLITE_IOERR: 'WRITE_FAILED',
  SQLITE_READONLY: 'PERMISSION_DENIED',
  SQLITE_CANTOPEN: 'PERMISSION_DENIED',
  SQLITE_CORRUPT: 'CATALOG_DAMAGED',
  SQLITE_NOTADB: 'CATALOG_DAMAGED',
};

/** SQLite's failures of the disk at which something was to be read. Source: https://www.sqlite.org/rescode.html#ioerr */
const SQLITE_READ_ERRORS = /^SQLITE_IOERR_(READ|SHORT_READ|FSTAT|ACCESS|CORRUPTFS|DATA|IN_PAGE|SEEK|MMAP)$/;

/** Calls of Node's on files. A failure that has no code of ours is one of the disk, or of what stands for one, and not our fault. */
const FILE_CALLS = /^(open|close|read|pread|stat|lstat|fstat|statfs|scandir|opendir|readlink|realpath|access|copyfile)/;
const WRITING_CALLS =
  /^(write|pwrite|fsync|fdatasync|f?truncate|rename|unlink|rm|rmdir|mkdir|mkdtemp|link|symlink|f?chmod|f?chown|f?utime)/;

/** SQLite asks for no less at once, for the index of its log, and says of a full disk then only that it failed. */
const SQLITE_NEEDS_BYTES = 64 * 1024;

const isForWantOfRoom = (code: string, place: string) =>
  code.startsWith('SQLITE_IOERR') && (roomAt(place).freeBytes ?? Infinity) < SQLITE_NEEDS_BYTES;

function codeOf({ code = '', syscall = '' }: NodeJS.ErrnoException): ErrorCode | undefined {
  if (SQLITE_READ_ERRORS.test(code)) return 'READ_FAILED';
  const known = SYSTEM_CODES[code] ?? SQLITE_CODES[/^SQLITE_[A-Z]+/.exec(code)?.[0] ?? ''];
  if (known) return known;
  if (WRITING_CALLS.test(syscall)) return 'WRITE_FAILED';
  return FILE_CALLS.test(syscall) ? 'READ_FAILED' : undefined;
}

/**
 * Turns anything thrown into an EngineError. Errors of the system and of SQLite get the engine's codes; an AbortError becomes `ABORTED`;
 * whatever is left is `INTERNAL`, a fault of ours, with its stack in the hint.
 * @param place path of what was worked on, for errors that name none: SQLite's, and those of files that are open
 */
export function toEngineError(thrown: unknown, place = ''): EngineError {
  if (thrown instanceof EngineError) return thrown;
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  if (error.name === 'AbortError') return new EngineError('ABORTED', {}, '', { cause: error });
  const { code = '', path = place } = error as NodeJS.ErrnoException;
  const named = codeOf(error);
  const known = betterNamed(named, code, path);
  if (known) {
    const facts = factsOf(known, path);
    return new EngineError(known, { path, ...facts, reason: code }, error.message, { cause: error });
  }
  // what a schema says is for logs: data of ours is not as it should be
  const reason = isSchemaError(error) ? 'data' : error.message;
  return new EngineError('INTERNAL', { reason }, error.stack ?? '', { cause: error });
}

function betterNamed(named: ErrorCode | undefined, code: string, path: string): ErrorCode | undefined {
  if (named === 'WRITE_FAILED' && isForWantOfRoom(code, path)) return 'DISK_FULL';
  // no room can be made on a device: what carries it has none, and what is free beside its node is of another file system
  return named === 'DISK_FULL' && isDevice(path) ? 'WRITE_FAILED' : named;
}

function factsOf(code: ErrorCode, path: string): MessageData {
  if (code === 'DISK_FULL') return roomAt(path);
  if (code === 'FILE_TOO_LARGE') return largestFileAt(path);
  return code === 'READ_FAILED' || code === 'WRITE_FAILED' ? { offsetBytes: 0 } : {};
}

const NAMED_BETTER: readonly ErrorCode[] = ['DISK_FULL', 'FILE_TOO_LARGE', 'PERMISSION_DENIED', 'ABORTED'];

/** Like {@link toEngineError}, where a failed read or write has a better name than the system's. `EIO` and strangers get `code`. */
export function ioError(thrown: unknown, code: 'READ_FAILED' | 'WRITE_FAILED', data: MessageData): EngineError {
  const error = toEngineError(thrown, String(data.path ?? ''));
  if (NAMED_BETTER.includes(error.code)) {
    return new EngineError(error.code, { ...data, ...error.data }, error.hint, { cause: thrown });
  }
  if (thrown instanceof EngineError) return thrown;
  return new EngineError(
    code,
    { ...data, reason: String((thrown as NodeJS.ErrnoException).code ?? thrown) },
    error.hint,
    {
      cause: thrown,
    },
  );
}

/** Whether it says that a later Diskpress wrote what cannot be read here. */
export const isLater = (error: unknown): error is EngineError =>
  error instanceof EngineError && error.code === 'CATALOG_TOO_NEW';
