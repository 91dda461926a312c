/** What a page may load and talk to. The same in a window and in a browser, but for the way to the engine. */

/**
 * A Content-Security-Policy that allows the application's own files and nothing else. Components set styles through the
 * CSSOM, which `style-src 'self'` allows; style attributes in markup are refused.
 * @param connectSources where scripts may connect to besides the own origin
 */
export function contentSecurityPolicy(...connectSources: string[]): string {
  return [
    `default-src 'none'`,
    `script-src 'self'`,
    `style-src 'self'`,
    `img-src 'self' data:`,
    `font-src 'self'`,
    ['connect-src', `'self'`, ...connectSources].join(' '),
    `base-uri 'none'`,
    `form-action 'none'`,
    `frame-ancestors 'none'`,
  ].join('; ');
}

/** Sent with every answer. @param policy from `contentSecurityPolicy` */
export function securityHeaders(policy: string): Record<string, string> {
  return {
    'Content-Security-Policy': policy,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
  };
}
