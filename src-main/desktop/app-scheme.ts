/** The application's own scheme: pages come from a list of files, never from `file:`, which could read any file. */
import type { CustomScheme } from 'electron';
import type { PageFiles } from '../pages/page-files.ts';
import { contentSecurityPolicy, securityHeaders } from '../pages/policy.ts';

const SCHEME = 'app';
export const APP_ORIGIN = `${SCHEME}://diskpress`;

/** Standard and secure: pages get an origin of their own, storage, and module scripts. Nothing bypasses the policy. */
export const APP_SCHEME: CustomScheme = {
  scheme: SCHEME,
  privileges: { standard: true, secure: true, supportFetchAPI: true },
};

/** Answers a request for a page's file. */
export async function servePage(request: Request, pages: PageFiles): Promise<Response> {
  const headers = securityHeaders(contentSecurityPolicy());
  const refuse = (status: number) => new Response(null, { status, headers });
  if (request.method !== 'GET') return refuse(405);
  const prefix = `${APP_ORIGIN}/`;
  if (!request.url.startsWith(prefix)) return refuse(404);
  const path = request.url.slice(prefix.length - 1).split(/[?#]/, 1)[0];
  const file = await pages.read(path).catch(() => null);
  if (!file) return refuse(404);
  return new Response(file.bytes, { headers: { ...headers, 'Content-Type': file.contentType } });
}
