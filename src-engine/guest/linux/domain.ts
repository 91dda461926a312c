/** The domain that an installed Linux is in, as its own files say it. */
import type { GuestFiles } from '../guest-files.ts';

const MAX_LINES = 5000;
/** Not a name that tells machines apart: its domain is nobody's. */
const LOCAL = /^localhost$/i;

/** @param hostname as the guest calls itself, with or without its domain @returns '' where it is in none that is known */
export async function domainOf(files: GuestFiles, hostname: string): Promise<string> {
  const [short, ...domain] = hostname.split('.');
  if (short === '' || LOCAL.test(short)) return '';
  return domain.join('.') || domainIn((await files.text('/etc/hosts')) ?? '', short.toLowerCase());
}

/** hosts(5): the whole name stands before the short one; of an address of the machine's own it may stand alone. */
function domainIn(hosts: string, short: string): string {
  for (const line of hosts.split('\n', MAX_LINES)) {
    const [address, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const whole = names.find((name) => name.toLowerCase().startsWith(`${short}.`));
    const isOwn = address.startsWith('127.') || names.some((name) => name.toLowerCase() === short);
    if (whole && isOwn) return whole.slice(short.length + 1);
  }
  return '';
}
