/**
 * Warnings and check results: things a person should know that do not stop a job, and reasons that do. The words are in
 * the locales (`warning.CODE`, `check.CODE`).
 */
import { z } from 'zod';
import { DataSchema } from './errors.ts';

export const WARNING_CODES = [
  'GPT_PRIMARY_DAMAGED',
  'GPT_BACKUP_DAMAGED',
  'GPT_BACKUP_MISPLACED',
  'GPT_SECTOR_SIZE_DIFFERS',
  'PARTITION_OUT_OF_RANGE',
  'PARTITIONS_OVERLAP',
  'EXTENDED_CHAIN_BROKEN',
  'TABLE_UNREADABLE',
  'TABLE_OF_OTHERS',
  'TABLE_INSIDE',
  'DISK_CLAIMED_WHOLE',
  'PARTITIONS_IN_IMAGE',
  'TEMPLATE_BEFORE_FILE',
  'FILESYSTEM_UNKNOWN',
  'FILESYSTEM_UNREADABLE',
  'FILESYSTEM_TRUNCATED',
  'CHECKSUM_MISMATCH',
  'JOURNAL_NOT_CLEAN',
  'FILESYSTEM_NOT_CLEAN',
  'FILESYSTEM_HAS_ERRORS',
  'EXTERNAL_JOURNAL',
  'SWAP_CONTENT_DROPPED',
  'SWAP_HIBERNATED',
  'WINDOWS_HIBERNATED',
  'VOLUME_ENCRYPTED',
  'BITLOCKER_SUSPENDED',
  'VOLUME_LOOKS_RANDOM',
  'SEVERAL_DEVICES',
  'GROUP_INCOMPLETE',
  'GROUP_UNREADABLE',
  'LOGICAL_VOLUME_WHOLE',
  'RAID_MEMBER',
  'SECTORS_UNREADABLE',
  'OUTSIDE_KNOWN',
  'OUTSIDE_LEFT',
  'SPECIAL_FILES_LEFT_OUT',
  'NAMES_MADE_SAFE',
  'FILES_NOT_READ',
  'GUEST_FILE_UNREADABLE',
  'IMPORT_CONTRADICTED',
  'EXPORT_LENGTH_ROUNDED',
  'IMAGE_SUMS_NOT_CHECKED',
  'STREAM_TAIL_LEFT_OUT',
  'PARTITIONS_NOT_SAVED',
  'IMAGE_BYTES_BEHIND',
  'IMAGE_NOT_RECOGNISED',
  'READ_BACK_CACHED',
  'PACKS_KEPT_FOR_READERS',
  'UNKNOWN_FILES_KEPT',
  'VERSION_NOT_RECOVERED',
  'ATTACHMENT_DAMAGED',
  'DISCARDED_PACK_TAIL',
  /** `code`: one that a later version wrote */
  'UNKNOWN_WARNING',
] as const;
export type WarningCode = (typeof WARNING_CODES)[number];

export const WarningSchema = z.object({ code: z.enum(WARNING_CODES), data: DataSchema });
export type Warning = z.infer<typeof WarningSchema>;

/** One thing that a plan looked at. `block` forbids the job, `warn` is shown, `pass` folds away. */
export const CHECK_CODES = [
  'SOURCE_READABLE',
  'SOURCE_MOUNTED_READ_WRITE',
  'SOURCE_IN_USE',
  'SOURCE_NOT_IN_USE',
  'VOLUME_REFUSED',
  'WINDOWS_HIBERNATED',
  'OUTSIDE_UNDECIDED',
  'CATALOG_SPACE',
  'CATALOG_SPACE_LOW',
  'TARGET_LARGE_ENOUGH',
  'TARGET_TOO_SMALL',
  'OUTSIDE_DOES_NOT_FIT',
  'OUTSIDE_ELSEWHERE',
  'TARGET_MOUNTED',
  'TARGET_IS_SYSTEM_DISK',
  'TARGET_HOLDS_CATALOG',
  'TARGET_IN_USE',
  'TARGET_NOT_IN_USE',
  'TARGET_READ_ONLY',
  'TARGET_NOT_WRITABLE',
  'TARGET_EXISTS',
  'TARGET_WILL_BE_ERASED',
  'TARGET_NEW_FILE',
  'TARGET_FOLDER_SPACE',
  'TARGET_FOLDER_SPACE_LOW',
  'TARGET_FOLDER_MISSING',
  'TARGET_NOT_A_DISK',
  'SECTOR_SIZE_EQUAL',
  'SECTOR_SIZE_CONVERTED',
  'SECTOR_SIZE_DIFFERS',
  'SECTOR_SIZE_NOT_TOLD',
  'TEMPLATE_HEALTHY',
  'TEMPLATE_DAMAGED',
  'TEMPLATE_INCOMPLETE',
  'SCRATCH_SPACE',
  'SCRATCH_SPACE_LOW',
  'IMAGE_RECOGNISED',
  'PARTITIONS_NOT_SAVED',
  'IMAGE_NOT_RECOGNISED',
  'IMAGE_READS_OTHERS',
  'IMAGE_OF_ONE_PARTITION',
  'IMPORT_CONTRADICTED',
  'NAME_MADE_SAFE',
] as const;
export type CheckCode = (typeof CHECK_CODES)[number];

export const CheckSchema = z.object({
  code: z.enum(CHECK_CODES),
  level: z.enum(['pass', 'warn', 'block']),
  data: DataSchema,
  /** a `block` that a person may take upon themselves: named in the plan's `overrides`, it becomes a `warn` */
  canOverride: z.boolean().optional(),
});
export type Check = z.infer<typeof CheckSchema>;
