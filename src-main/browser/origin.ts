/** Where a request comes from. Other sites can make a browser send requests here; these checks tell them from our own pages. */

const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/;

/**
 * Whether the Host header names this machine. A site whose name was pointed at 127.0.0.1 (DNS rebinding) still sends its own
 * name. The port is free: through an SSH tunnel it is another one.
 */
export function isLoopbackHost(host: string | undefined): host is string {
  return host !== undefined && LOOPBACK.test(host);
}

/** Whether a page of this very server asks: its Origin is where the request went, port included. */
export function isOwnOrigin(origin: string | undefined, host: string): boolean {
  return origin === `http://${host}`;
}
