/** Where a request comes from. Other sites can make a browser send requests here; these checks tell them from our own pages. */

const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/i;

/**
 * Whether the Host header names this machine. A site whose name was pointed at 127.0.0.1 (DNS rebinding) still sends its own
 * name. The port is free: through an SSH tunnel it is another one.
 */
export function isLoopbackHost(host: string | undefined): host is string {
  return host !== undefined && LOOPBACK.test(host);
}

/**
 * Whether it is the name that stands for 127.0.0.1 and ::1 alike. On one of them somebody else may listen at our port, who would
 * be the same origin and read what a page keeps: our pages live at the number only.
 */
export function isLocalhost(host: string): boolean {
  return /^localhost\b/i.test(host);
}

/** Whether a page of this very server asks: its Origin is where the request went, port included. */
export function isOwnOrigin(origin: string | undefined, host: string): boolean {
  return !isLocalhost(host) && origin === `http://${host}`;
}
