/** How a deployed disk starts a machine, link by link: what of it was proven, what was mended, what nobody here can tell. */
import { z } from 'zod';
import { DataSchema } from './errors.ts';
import { orUnknown } from './open-words.ts';

/** Words: `bootChain.firmware.FIRMWARE`. */
export const BOOT_FIRMWARES = ['bios', 'uefi'] as const;

/** Words: `bootChain.state.STATE`. */
export const BOOT_LINK_STATES = [
  /** bytes were compared: it is the template's, and where it is looked for */
  'proven',
  /** something of it changed with the disk, or was missing, and was made right */
  'mended',
  /** nobody can tell from the disk */
  'unproven',
  /** it leads to nothing, or to something else */
  'broken',
] as const;

/** One link of a chain. Words: `bootChain.link.CODE`. */
export const BOOT_LINK_CODES = [
  'boot-code',
  'boot-code-unknown',
  'boot-code-differs',
  'boot-code-sectors',
  'core-in-gap',
  'core-in-volume',
  'core-moved',
  'core-rewritten',
  'core-differs',
  'core-uncertain',
  'core-missing',
  'core-prefix',
  'modules',
  'modules-elsewhere',
  'active',
  'active-set',
  'active-none',
  'active-several',
  'volume-code',
  'volume-code-differs',
  'volume-code-none',
  'hidden-sectors-set',
  'hidden-sectors-wrong',
  'file-by-blocks',
  'file-by-blocks-moved',
  'file-by-blocks-uncertain',
  'file-by-name',
  'block-map',
  'block-map-moved',
  'efi-type',
  'efi-loader',
  'efi-loader-differs',
  'efi-loader-rewritten',
  'efi-loader-unread',
  'fallback',
  'fallback-copied',
  'fallback-missing',
  'fallback-not-copied',
  'companion-missing',
  'grub-config',
  'grub-config-lost',
  'firmware-entries',
  'firmware-entry-made',
] as const;
export type BootLinkCode = (typeof BOOT_LINK_CODES)[number];

export const BootLinkSchema = z.object({
  firmware: orUnknown(BOOT_FIRMWARES),
  state: orUnknown(BOOT_LINK_STATES),
  /** one of {@link BOOT_LINK_CODES}, or of a later Diskpress */
  code: z.string(),
  data: DataSchema,
});
export type BootLink = z.infer<typeof BootLinkSchema>;

/**
 * Whether a loader is copied to where a firmware without an entry of its own looks for it, in an EFI system partition that has none
 * there: `auto`, unless the bytes are to be as captured.
 */
export const FALLBACK_LOADERS = ['auto', 'keep'] as const;
