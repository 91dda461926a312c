import { describe, expect, test } from 'vitest';
import { Session, TOKEN_LIFETIME_MS } from '../../../src-main/browser/session.ts';

const cookieOf = (session: Session) => session.setCookie().split(';')[0];

describe('the one-time token', () => {
  test('works once', () => {
    const session = new Session(1234);
    const token = session.newToken();
    expect(session.useToken(token)).toBe(true);
    expect(session.useToken(token)).toBe(false);
  });

  test('is refused when anything about it differs, and is not used up by that', () => {
    const session = new Session(1234);
    const token = session.newToken();
    for (const wrong of ['', token.slice(1), `${token}a`, token.toUpperCase(), new Session(1234).newToken()]) {
      expect(session.useToken(wrong)).toBe(false);
    }
    expect(session.useToken(token)).toBe(true);
  });

  test('ends after ten minutes', () => {
    const session = new Session(1234);
    expect(session.useToken(session.newToken(0), TOKEN_LIFETIME_MS)).toBe(true);
    expect(session.useToken(session.newToken(0), TOKEN_LIFETIME_MS + 1)).toBe(false);
  });

  test('ends when a new one is made', () => {
    const session = new Session(1234);
    const first = session.newToken();
    const second = session.newToken();
    expect(session.useToken(first)).toBe(false);
    expect(session.useToken(second)).toBe(true);
  });

  test('none works before the first was made', () => {
    expect(new Session(1234).useToken('')).toBe(false);
  });
});

describe('the cookie', () => {
  test('cannot be read by scripts, nor sent by other sites', () => {
    expect(new Session(1234).setCookie()).toMatch(/^diskpress-1234=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/$/);
  });

  test('is found among others', () => {
    const session = new Session(1234);
    expect(session.holds(cookieOf(session))).toBe(true);
    expect(session.holds(`a=b; diskpress-99=x;${cookieOf(session)}; c=d`)).toBe(true);
  });

  test('of another server, or changed, is refused', () => {
    const session = new Session(1234);
    for (const wrong of [undefined, '', 'diskpress-1234', 'diskpress-1234=', cookieOf(new Session(1234))]) {
      expect(session.holds(wrong)).toBe(false);
    }
    expect(session.holds(cookieOf(session).replace('1234', '1235'))).toBe(false);
  });
});
