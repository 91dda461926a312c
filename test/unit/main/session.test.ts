import { describe, expect, test } from 'vitest';
import { Session, TOKEN_LIFETIME_MS } from '../../../src-main/browser/session.ts';

const entered = { session: expect.stringMatching(/^[\w-]{43}$/) };

describe('the one-time token', () => {
  test('works once', () => {
    const session = new Session();
    const token = session.newToken();
    expect(session.enter({ token })).toEqual(entered);
    expect(session.enter({ token })).toBe('token-invalid');
  });

  test('is refused when anything about it differs, and is not used up by that', () => {
    const session = new Session();
    const token = session.newToken();
    for (const wrong of ['', token.slice(1), `${token}a`, token.toUpperCase(), new Session().newToken()]) {
      expect(session.enter({ token: wrong })).toBe('token-invalid');
    }
    expect(session.enter({ token })).toEqual(entered);
  });

  test('ends after ten minutes', () => {
    const session = new Session();
    expect(session.enter({ token: session.newToken(0) }, TOKEN_LIFETIME_MS)).toEqual(entered);
    expect(session.enter({ token: session.newToken(0) }, TOKEN_LIFETIME_MS + 1)).toBe('token-invalid');
  });

  test('ends when a new one is made', () => {
    const session = new Session();
    const first = session.newToken();
    const second = session.newToken();
    expect(session.enter({ token: first })).toBe('token-invalid');
    expect(session.enter({ token: second })).toEqual(entered);
  });

  test('none works before the first was made', () => {
    expect(new Session().enter({ token: '' })).toBe('token-invalid');
  });
});

describe('the session', () => {
  const sessionOf = (server: Session) => {
    const answer = server.enter({ token: server.newToken() });
    if (typeof answer === 'string') throw new Error(answer);
    return answer.session;
  };

  test('comes in again and again, also at a used address', () => {
    const server = new Session();
    const session = sessionOf(server);
    expect(server.enter({ session })).toEqual({ session });
    expect(server.enter({ session, token: 'used' })).toEqual({ session });
  });

  test('of another server, changed, or none is refused', () => {
    const server = new Session();
    for (const session of [sessionOf(new Session()), `${sessionOf(server)}x`, '', undefined]) {
      expect(server.enter({ session })).toBe('no-session');
    }
  });

  test('is not used up by who shows a good token besides', () => {
    const server = new Session();
    const session = sessionOf(server);
    expect(server.enter({ session, token: server.newToken() })).toEqual({ session });
  });
});
