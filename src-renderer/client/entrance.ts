/**
 * What a page of the browser face shows at the door. An address brings a one-time token behind its hash, where it is never sent;
 * it leaves the address bar before anything else runs. The session that it becomes is kept where only pages of this very origin,
 * port included, can read it: another server on this machine cannot, and it is worth nothing once ours has ended.
 */
import type { Entrance } from '../../src-engine/contract/index.ts';

const KEY = 'diskpress.session';
const TOKEN = /^#token=([\w-]{1,100})$/;

let token = TOKEN.exec(location.hash)?.[1];
if (token !== undefined) history.replaceState(null, '', '/#/');

/** for a browser that keeps nothing: until the page is loaded anew */
let kept: string | undefined;

/** @returns what the first message says; a token is shown once */
export function entrance(): Entrance {
  const shown = { ...(token !== undefined && { token }), ...(session() !== undefined && { session: session() }) };
  token = undefined;
  return shown;
}

/** What a request shows that goes beside the socket; '' before anybody was let in. */
export const shownSession = (): string => session() ?? '';

export function keepSession(session: string): void {
  kept = session;
  try {
    localStorage.setItem(KEY, session);
  } catch {
    // it works until the page is loaded anew
  }
}

/** Another page of this origin was let in, by an address that is newer. @param listener comes back with its session */
export function onNewSession(listener: () => void): void {
  window.addEventListener('storage', ({ key, newValue }) => {
    if (key !== KEY || !newValue) return;
    kept = newValue;
    listener();
  });
}

function session(): string | undefined {
  if (kept !== undefined) return kept;
  try {
    return localStorage.getItem(KEY)?.slice(0, 100) || undefined;
  } catch {
    return undefined;
  }
}
