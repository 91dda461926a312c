/** The port of a person's catalog: the same at each start, so that open pages find the next one, and what a browser remembers stays true. */
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';

/** Below those that systems give to outgoing connections, above those that browsers refuse. */
const FIRST_PORT = 20_000;
const PORTS = 12_000;

/** No secret: whoever comes to it needs the address that is printed. @param uid of who starts it */
export function usualPort(catalogPath: string, uid = process.getuid?.() ?? 0): number {
  const hash = createHash('sha256')
    .update(`${uid}\0${resolve(catalogPath)}`)
    .digest();
  return FIRST_PORT + (hash.readUInt32LE(0) % PORTS);
}
