/** What the volumes themselves say, whatever system is on them. */
import { known } from './datum.ts';
import type { GuestVolume } from './guest-input.ts';

const ENCRYPTED = ['luks', 'bitlocker'];

export function volumeStates(volumes: readonly GuestVolume[]) {
  const named = (kinds: string[]) => {
    const found = volumes.filter(({ recognised }) => recognised !== null && kinds.includes(recognised));
    return known(found.length > 0, found.map(({ ref, recognised }) => `${ref}: ${recognised}`).join(', ') || 'volumes');
  };
  return { usesLvm: named(['lvm2']), isEncrypted: named(ENCRYPTED) };
}
