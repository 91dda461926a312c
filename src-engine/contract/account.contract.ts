/**
 * An account of every byte of a disk: what a capture takes, what is known to be free and by whom, and what lies outside of all
 * that tables and file systems speak of. Always `capturedBytes + freeBytes + zeroBytes + leftBytes = lengthBytes`.
 */
import { z } from 'zod';
import { orUnknown } from './open-words.ts';

const bytes = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);

/** What to do about unknown data that lies outside: `ask` takes it where it is little or in a file, and else waits for an answer. */
export const OUTSIDE_CHOICES = ['ask', 'take', 'leave'] as const;
export type OutsideChoice = (typeof OUTSIDE_CHOICES)[number];

/**
 * Unknown data on a device is taken without a question up to this: firmware of boards, boot loaders and labels are smaller,
 * and what is larger is most likely a partition that was deleted, whose content may be nobody's to pass on.
 */
export const MAX_UNASKED_BYTES = 64 * 1024 * 1024;

/** Where a piece lies that nothing speaks of. The words are `account.place.NAME`. */
export const OUTSIDE_PLACES = ['before-first', 'between', 'behind-last', 'behind-file-system', 'in-member'] as const;
export type OutsidePlace = (typeof OUTSIDE_PLACES)[number];

/** A run of bytes that no table and no file system speaks of: `takenBytes + zeroBytes + leftBytes = lengthBytes`. */
export const OutsideViewSchema = z.object({
  place: orUnknown(OUTSIDE_PLACES),
  /** the volume that it lies in, as `files` names it; '' between partitions */
  volume: z.string(),
  /** on the disk */
  startBytes: bytes,
  lengthBytes: bytes,
  /** how much of it was looked at; the rest is taken to be what the samples show */
  lookedBytes: bytes,
  takenBytes: bytes,
  zeroBytes: bytes,
  leftBytes: bytes,
  /** known things that were found in it: 'iso9660', 'isw_raid_member', 'verity'… */
  names: z.array(z.string()),
});
export type OutsideView = z.infer<typeof OutsideViewSchema>;

/** How many pieces are shown one by one: those with data come first. */
export const MAX_OUTSIDE_VIEWS = 1000;

export const AccountSchema = z.object({
  lengthBytes: bytes,
  /** all that a capture takes, {@link takenBytes} included */
  capturedBytes: bytes,
  /** of {@link capturedBytes}: what lies outside and was taken */
  takenBytes: bytes,
  freeBytes: bytes,
  /** who says that bytes are free: a file system's kind, 'swap' (content that is dropped by rule), 'lvm2' (extents of no volume) */
  free: z.array(z.object({ by: z.string(), lengthBytes: bytes })),
  /** outside, and zeros as far as it was looked at: not stored, and not written by a deploy */
  zeroBytes: bytes,
  /** outside, not zeros, and left out */
  leftBytes: bytes,
  outsideBytes: bytes,
  /** of {@link outsideBytes}: how much was looked at */
  lookedBytes: bytes,
  outside: orUnknown(OUTSIDE_CHOICES),
  /** somebody has to say `take` or `leave` first; until then it is counted as left out */
  isUndecided: z.boolean(),
  pieces: z.array(OutsideViewSchema).max(MAX_OUTSIDE_VIEWS),
});
export type Account = z.infer<typeof AccountSchema>;
