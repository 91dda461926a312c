/** Files that are put into the guest as they are. */
import type { z } from 'zod';
import type { FileSettingSchema } from '../../contract/deploy.contract.ts';
import { CannotChange } from './cannot-change.ts';
import type { GuestDraft } from './draft.ts';

/** What the running system makes there hides what is in these folders. */
const VOLATILE = /^\/(?:proc|sys|dev|run|var\/run|var\/lock)\//;

/** @throws CannotChange */
export async function putFile(
  draft: GuestDraft,
  { path, base64, mode }: z.infer<typeof FileSettingSchema>,
): Promise<void> {
  const names = path.split('/').slice(1);
  if (names.some((name) => name === '' || name === '.' || name === '..')) throw new CannotChange('file-path', { path });
  if (VOLATILE.test(path)) throw new CannotChange('file-volatile', { path });
  const other = await draft.writerOf(path);
  if (other !== null) throw new CannotChange('file-written-twice', { path, setting: other });
  // what only its owner may read is not shown
  const isSecret = (mode & 0o077) === 0;
  await draft.writeBytes('files', path, Buffer.from(base64, 'base64'), { mode, isSecret });
  draft.can('files', 'written-to', { name: path, paths: [path] });
}
