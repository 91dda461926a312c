/** What boot proofs added to a version, and its content: asked for once, kept while the page is open. */
import {
  BOOT_CONSOLE_NAME,
  BOOT_PICTURE_NAME,
  type AttachmentView,
  type VersionView,
} from '../../../src-engine/contract/index.ts';
import type { useEngine } from '../../client/engine.store.ts';

type Attached = Pick<VersionView, 'attachments'>;

const newest = ({ attachments }: Attached, name: string): AttachmentView | undefined =>
  attachments.filter((one) => one.name === name).sort((a, b) => b.addedAt.localeCompare(a.addedAt))[0];

/** The picture of the newest proof that went well. */
export const bootPictureOf = (version: Attached) => newest(version, BOOT_PICTURE_NAME);
export const bootConsoleOf = (version: Attached) => newest(version, BOOT_CONSOLE_NAME);
/** Those of a proof that did not. */
export const failedPictureOf = (version: Attached) => newest(version, `failed-${BOOT_PICTURE_NAME}`);
export const failedConsoleOf = (version: Attached) => newest(version, `failed-${BOOT_CONSOLE_NAME}`);

/** As many as are kept: pictures are small, catalogs are large. */
const MOST_KEPT = 200;
const kept = new Map<string, Promise<string>>();

/** @param template its id, with the version's number @returns in base64 @throws CommandError where it is gone or damaged */
export function attachmentContent(engine: ReturnType<typeof useEngine>, template: string, id: string): Promise<string> {
  const known = kept.get(id);
  if (known) return known;
  const asked = engine.call('template.attachment', { template, id }).then(({ base64 }) => base64);
  asked.catch(() => kept.delete(id));
  kept.set(id, asked);
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value!);
  return asked;
}

/** The console of a guest is what the guest likes to write: bytes that are no text are shown as such. */
export function textOf(base64: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
}
