/** Who may come in: a one-time token in an address becomes a cookie, which lives as long as the server. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** Time to open an address after it was printed. */
export const TOKEN_LIFETIME_MS = 10 * 60 * 1000;

/** 256 bits: not to be guessed. */
const SECRET_BYTES = 32;

export class Session {
  readonly #cookieName: string;
  readonly #secret = randomBytes(SECRET_BYTES).toString('base64url');
  #token: { text: string; expiresAt: number } | null = null;

  /** @param port of the server: cookies are shared by all ports of a host, so that each server needs a name of its own */
  constructor(port: number) {
    this.#cookieName = `diskpress-${port}`;
  }

  /** A new token; the one before it is worth nothing any more. */
  newToken(now = Date.now()): string {
    this.#token = { text: randomBytes(SECRET_BYTES).toString('base64url'), expiresAt: now + TOKEN_LIFETIME_MS };
    return this.#token.text;
  }

  /** True once for the current token, within its lifetime. */
  useToken(token: string, now = Date.now()): boolean {
    if (!this.#token || now > this.#token.expiresAt || !isSame(token, this.#token.text)) return false;
    this.#token = null;
    return true;
  }

  /** The value of a Set-Cookie header. No `Secure`: the connection is plain HTTP and never leaves the machine. */
  setCookie(): string {
    return `${this.#cookieName}=${this.#secret}; HttpOnly; SameSite=Strict; Path=/`;
  }

  /** @param cookies the request's Cookie header */
  holds(cookies: string | undefined): boolean {
    return (cookies ?? '').split(';').some((pair) => {
      const [name, value] = pair.trim().split('=', 2);
      return name === this.#cookieName && isSame(value ?? '', this.#secret);
    });
  }
}

/** Takes the same time wherever the first difference is, and whatever the lengths are. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
