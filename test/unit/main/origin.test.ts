import { describe, expect, test } from 'vitest';
import { isLoopbackHost, isOwnOrigin } from '../../../src-main/browser/origin.ts';

describe('the Host header', () => {
  test.each(['127.0.0.1:8080', 'localhost:8080', '[::1]:8080', 'localhost'])('%s is this machine', (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  });

  test.each([
    undefined,
    '',
    'evil.example',
    'evil.example:8080',
    '127.0.0.1.evil.example:8080',
    'localhost.evil.example',
    'evil-localhost:8080',
    '127.0.0.1:8080@evil.example',
    '127.0.0.2:8080',
    '0.0.0.0:8080',
    '192.168.1.2:8080',
    '127.0.0.1:',
    '127.0.0.1:8080; x',
    'localhost:8080\nevil',
  ])('%j is not', (host) => {
    expect(isLoopbackHost(host)).toBe(false);
  });
});

describe('the Origin header', () => {
  test('of a page of this server is accepted', () => {
    expect(isOwnOrigin('http://127.0.0.1:8080', '127.0.0.1:8080')).toBe(true);
  });

  test.each([
    undefined,
    '',
    'null',
    'http://127.0.0.1:8081',
    'http://localhost:8080',
    'https://127.0.0.1:8080',
    'http://evil.example',
  ])('%j is refused', (origin) => {
    expect(isOwnOrigin(origin, '127.0.0.1:8080')).toBe(false);
  });
});
