/**
 * Every error that can cross the contract: a stable code, data, and the exit code of the command line. The words are in
 * the locales (`error.CODE.what`, `error.CODE.state`, `error.CODE.todo`).
 */
import { z } from 'zod';

/** Exit codes of the command line, by error code. Stable: scripts depend on them. Listed in the README. */
export const EXIT_CODES = {
  INTERNAL: 1,
  /** of a job that a later version ran; `code` is its own */
  UNKNOWN_ERROR: 1,
  BAD_REQUEST: 2,
  TARGET_COUNT: 2,
  NOT_A_WHOLE_DISK: 2,
  IMAGE_CHOICE_REQUIRED: 2,
  DISK_CHOICE_REQUIRED: 2,
  NO_SUCH_DISK: 2,
  NOT_FOUND: 3,
  FILE_MISSING: 3,
  TEMPLATE_NOT_FOUND: 3,
  VOLUME_NOT_FOUND: 3,
  SOURCE_NOT_FOUND: 3,
  VM_NOT_FOUND: 3,
  VM_WITHOUT_DISKS: 3,
  JOB_NOT_FOUND: 3,
  NAME_TAKEN: 4,
  ATTACHMENT_TOO_LARGE: 4,
  LICENCE_NOT_PUBLIC: 4,
  PLAN_BLOCKED: 5,
  PLAN_EXPIRED: 5,
  PLAN_UNKNOWN: 5,
  PLEDGE_UNKNOWN: 6,
  CONFIRM_MISMATCH: 5,
  CONFIRM_REQUIRED: 5,
  OVERWRITE_REQUIRED: 5,
  DESTINATION_EXISTS: 5,
  LINK_NOT_FOLLOWED: 5,
  DEVICE_CHANGED: 5,
  TARGET_TWICE: 5,
  TARGET_TOO_SMALL: 5,
  PERMISSION_DENIED: 6,
  DEVICE_BUSY: 6,
  VM_NOT_OFF: 6,
  LIVE_NOT_POSSIBLE: 6,
  CATALOG_BUSY: 6,
  CATALOG_NOT_FOUND: 3,
  CATALOG_TOO_NEW: 7,
  CATALOG_DAMAGED: 7,
  PACK_DAMAGED: 7,
  CHUNK_MISSING: 7,
  MANIFEST_DAMAGED: 7,
  ATTACHMENT_DAMAGED: 7,
  TEMPLATE_DAMAGED: 7,
  RESIZE_CONTRADICTED: 1,
  FIRMWARE_ENTRY_NOT_MADE: 7,
  VERIFY_MISMATCH: 7,
  BOOT_NO_SIGN: 7,
  BOOT_NO_LOADER: 7,
  BOOT_LOADER_STUCK: 7,
  BOOT_PANIC: 7,
  BOOT_NO_ROOT: 7,
  BOOT_EMERGENCY: 7,
  BOOT_ENDED: 7,
  GUEST_DIFFERS: 7,
  /** what was captured, imported or deployed is there */
  NOT_PROVEN: 12,
  DEPLOY_NOT_PROVEN: 12,
  FORMAT_INVALID: 8,
  FORMAT_UNSUPPORTED: 8,
  FORMAT_FOREIGN: 8,
  FORMAT_UNCLEAR: 8,
  FILE_TRUNCATED: 8,
  NO_FILE_SYSTEM: 8,
  ARCHIVE_PASSWORD: 8,
  ARCHIVE_UNSAFE: 8,
  SOURCE_CHANGED: 8,
  POLICY_INVALID: 8,
  READ_FAILED: 9,
  DISK_SERVER_LOST: 9,
  WRITE_FAILED: 9,
  DISK_FULL: 9,
  FILE_TOO_LARGE: 9,
  PARTS_FAILED: 9,
  TOOL_FAILED: 9,
  TOOL_TIMED_OUT: 9,
  GUEST_UNSAFE: 8,
  GUEST_CHANGE_IMPOSSIBLE: 8,
  TOOL_MISSING: 10,
  VM_DISK_ELSEWHERE: 10,
  HYPERVISOR_MISSING: 10,
  HYPERVISOR_UNREACHABLE: 10,
  DISK_SERVER_UNREACHABLE: 10,
  DISK_SERVER_REFUSED: 10,
  UNSUPPORTED_PLATFORM: 10,
  ENGINE_LOST: 11,
  ABORTED: 130,
} as const;

export type ErrorCode = keyof typeof EXIT_CODES;

export const ERROR_CODES = Object.keys(EXIT_CODES) as [ErrorCode, ...ErrorCode[]];

/** Facts that go into the words of an error or a warning: sizes in bytes, paths, names. */
export const DataSchema = z.record(
  z.string(),
  z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]),
);
export type MessageData = z.infer<typeof DataSchema>;

/** An error as it travels: `hint` is a short technical sentence in English for logs; people read the locale's words. */
export const ErrorViewSchema = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  hint: z.string(),
  data: DataSchema,
  /** in JSON of the command line, where `message` and `hint` are sentences: what is for logs */
  details: z.string().optional(),
});
export type ErrorView = z.infer<typeof ErrorViewSchema>;
