import { describe, expect, test } from 'vitest';
import { APP_SCHEME, servePage } from '../../../src-main/desktop/app-scheme.ts';
import type { PageFiles } from '../../../src-main/pages/page-files.ts';

const bytes = Buffer.from('<!doctype html>');
const pages: PageFiles = {
  read: async (path) => {
    if (path === '/broken.html') throw new Error('EIO');
    return path === '/index.html' ? { contentType: 'text/html; charset=utf-8', bytes } : null;
  },
};
const ask = (url: string, method = 'GET') => servePage(new Request(url, { method }), pages);

describe('the own scheme', () => {
  test('serves a file with its type and the policy', async () => {
    const response = await ask('app://diskpress/index.html');
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('<!doctype html>');
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    const policy = response.headers.get('content-security-policy');
    expect(policy).toContain(`default-src 'none'; script-src 'self'; style-src 'self'`);
    expect(policy).toContain(`connect-src 'self';`);
  });

  test('query and fragment do not change the file', async () => {
    expect((await ask('app://diskpress/index.html?x=/../a#/jobs')).status).toBe(200);
  });

  test.each([
    'app://diskpress/secret',
    'app://diskpress',
    'app://other/index.html',
    'app://diskpress.evil/index.html',
    'app://diskpress/broken.html',
  ])('%s is not there, and the refusal has the policy too', async (url) => {
    const response = await ask(url);
    expect(response.status).toBe(404);
    expect(await response.text()).toBe('');
    expect(response.headers.get('content-security-policy')).toContain(`default-src 'none'`);
  });

  test.each(['HEAD', 'POST', 'PUT', 'DELETE'])('%s is refused', async (method) => {
    expect((await ask('app://diskpress/index.html', method)).status).toBe(405);
  });

  test('has no privilege that loosens the policy', () => {
    expect(APP_SCHEME.privileges).toEqual({ standard: true, secure: true, supportFetchAPI: true });
  });
});
