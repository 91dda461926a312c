import { isDevicePath } from '../contract/device-path.ts';
import type { MessageData } from '../contract/errors.ts';

/** Reasons that have words of their own. */
const SECTIONS: readonly [RegExp, string][] = [
  [/^error\.CATALOG_NOT_FOUND(?:\.|$)/, 'notCatalog'],
  [/^error\.VM_PLACE_INVALID(?:\.|$)/, 'placeFault'],
  [/^error\.RIGHTS_WITHHELD(?:\.|$)/, 'withheld'],
  [/^error\.INTERNAL(?:\.|$)/, 'internalReason'],
  [/^error\.WRITE_FAILED(?:\.|$)/, 'writeReason'],
  [/^check\.TARGET_READ_FIRST$/, 'readFirstReason'],
  [/^warning\.CHANGES_NOT_KNOWN$/, 'wholeReason'],
  [/^warning\.TABLE_UNREADABLE$/, 'tableReason'],
  [/^(?:error|check)\.GUEST_/, 'guestReason'],
  [/^(?:(?:check|warning)\.IDENTITY_NOT_(?:RENEWED|SEEN)|identityPlan\.(?:lacking|not-looked-into))$/, 'guestReason'],
  [/^(?:check\.DRIVERS_CANNOT_BE_(?:MADE|PUT_IN)$|error\.DRIVERS_NOT_(?:MADE|PUT_IN)(?:\.|$))/, 'driverReason'],
  [/^check\.FIRMWARE_ENTRY_/, 'entryReason'],
];

/** @param key of a message, as `error.CODE.what` @returns the section with words for the reasons in it; null: they are said as they are */
export function reasonSection(key: string): string | null {
  return SECTIONS.find(([pattern]) => pattern.test(key))?.[1] ?? null;
}

/** What kind of place an error is about, where advice differs: a disk, a port of this machine, or a file; null: none is told, or it may be either. */
export function placeKind({ path }: MessageData): 'disk' | 'port' | 'file' | null {
  if (typeof path !== 'string') return null;
  if (/^(?:127\.0\.0\.1|\[::1\]):\d+$/.test(path)) return 'port';
  if (isDevicePath(path)) return 'disk';
  return path.startsWith('/') || /^[A-Za-z]:\\/.test(path) ? 'file' : null;
}
