/** The home folders of people who log in. */
import type { GuestDraft } from '../draft.ts';
import { splitLines } from '../text-lines.ts';

const MAX_HOMES = 2000;

/** Of /etc/passwd and below /home, without doubles: paths with no links on them. */
export async function homes(draft: GuestDraft): Promise<string[]> {
  const named = splitLines((await draft.glance('/etc/passwd')) ?? '').map(({ body }) => body.split(':')[5] ?? '');
  const below = (await draft.names('/home')).map((name) => `/home/${name}`);
  const found = new Set<string>();
  for (const path of ['/root', ...below, ...named].slice(0, MAX_HOMES)) {
    if (!/^\/[^/\0]/.test(path) || path.length > 1000) continue;
    const real = await draft.files.realPath(path);
    if (real === null || real === '/' || found.has(real)) continue;
    if ((await draft.files.find(real))?.node.kind === 'folder') found.add(real);
  }
  return [...found];
}
