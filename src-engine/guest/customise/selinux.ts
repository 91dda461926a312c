/** SELinux: files that come from outside have no labels, so the guest is asked to set all of them at its next start. */
import { parseAssignments } from '../linux/assignments.ts';
import type { GuestDraft } from './draft.ts';

const REQUEST = '/.autorelabel';

export async function relabel(draft: GuestDraft): Promise<void> {
  const mode = parseAssignments((await draft.glance('/etc/selinux/config')) ?? '').get('SELINUX') ?? 'disabled';
  if (!/^(?:enforcing|permissive)$/.test(mode) || !draft.hasNewFiles) return;
  const program = await draft.files.firstOf(['/sbin/fixfiles', '/usr/sbin/fixfiles', '/usr/bin/fixfiles']);
  await draft.write('selinux', REQUEST, '', { mode: 0o600 });
  draft.can('selinux', program === null ? 'selinux-no-relabel' : 'selinux-relabel', { path: REQUEST, mode });
}
