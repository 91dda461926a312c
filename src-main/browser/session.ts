/** Who may come in: a one-time token in an address becomes a session, which lives as long as the server. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Entrance, EntranceRefusal } from '../../src-engine/contract/index.ts';

/** Time to open an address after it was printed. */
export const TOKEN_LIFETIME_MS = 10 * 60 * 1000;

/** 256 bits: not to be guessed. */
const SECRET_BYTES = 32;

export class Session {
  readonly #secret = randomBytes(SECRET_BYTES).toString('base64url');
  #token: { text: string; expiresAt: number } | null = null;

  /** A new token; the one before it is worth nothing any more. */
  newToken(now = Date.now()): string {
    this.#token = { text: randomBytes(SECRET_BYTES).toString('base64url'), expiresAt: now + TOKEN_LIFETIME_MS };
    return this.#token.text;
  }

  /** @returns the session for who shows the current token, which is used up by that, or the session itself; else why not */
  enter({ token, session }: Entrance, now = Date.now()): { readonly session: string } | EntranceRefusal {
    if (token !== undefined && this.#useToken(token, now)) return { session: this.#secret };
    if (session !== undefined && this.isOwn(session)) return { session: this.#secret };
    return token === undefined ? 'no-session' : 'token-invalid';
  }

  /** Whether it is the session. */
  isOwn(session: string): boolean {
    return isSame(session, this.#secret);
  }

  #useToken(token: string, now: number): boolean {
    if (!this.#token || now > this.#token.expiresAt || !isSame(token, this.#token.text)) return false;
    this.#token = null;
    return true;
  }
}

/** Takes the same time wherever the first difference is, and whatever the lengths are. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
