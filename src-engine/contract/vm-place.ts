/** Places of virtual machines as people write them, and nothing else takes them apart: 'libvirt:NAME', 'vmx:FILE'. */

/** Who has the machine: the word before the first colon of its place. */
export const VM_SCHEMES = ['libvirt', 'libvirt+ssh', 'vbox', 'vmx', 'qemu'] as const;

/** Another machine that is reached by ssh. */
export interface SshHost {
  /** null: whom ssh's own settings name */
  readonly user: string | null;
  /** a name or an address; of IPv6 without its brackets */
  readonly host: string;
  readonly port: number | null;
}

export type VmPlace =
  | { readonly scheme: 'libvirt' | 'vbox'; readonly name: string }
  | ({ readonly scheme: 'libvirt+ssh'; readonly name: string } & SshHost)
  | { readonly scheme: 'vmx'; readonly path: string }
  | { readonly scheme: 'qemu'; readonly pid: number };

/** What of a place cannot be so. */
export interface PlaceFault {
  readonly fault: 'host' | 'user' | 'port' | 'name' | 'path' | 'pid';
}

const MAX_NAME = 500;
const MAX_PATH = 4096;
const MAX_HOST = 253;
const MAX_PORT = 65_535;
const MAX_PID = 2 ** 22;

/** Whether a source names a machine, well or badly: it is no file then. */
export const isVmPlace = (place: string): boolean => VM_SCHEMES.some((scheme) => place.startsWith(`${scheme}:`));

/** @param place one that {@link isVmPlace} */
export function parseVmPlace(place: string): VmPlace | PlaceFault {
  const colon = place.indexOf(':');
  const scheme = VM_SCHEMES.find((known) => known === place.slice(0, colon));
  const rest = place.slice(colon + 1);
  switch (scheme) {
    case 'libvirt':
    case 'vbox':
      return isText(rest, MAX_NAME) ? { scheme, name: rest } : { fault: 'name' };
    case 'libvirt+ssh':
      return parseRemote(rest);
    case 'vmx':
      return isText(rest, MAX_PATH) ? { scheme, path: rest } : { fault: 'path' };
    case 'qemu':
      return /^[1-9]\d{0,6}$/.test(rest) && Number(rest) <= MAX_PID ? { scheme, pid: Number(rest) } : { fault: 'pid' };
    case undefined:
      return { fault: 'name' };
  }
}

function parseRemote(rest: string): VmPlace | PlaceFault {
  const [, address, name] = /^\/\/((?:[^/:@[\]]*@)?(?:\[[^\]]*\]|[^/:]*)(?::\d+(?=:))?):([^]*)$/.exec(rest) ?? [];
  if (address === undefined) return { fault: 'host' };
  const host = parseSshHost(address);
  if ('fault' in host) return host;
  return isText(name, MAX_NAME) ? { scheme: 'libvirt+ssh', ...host, name } : { fault: 'name' };
}

/** '[user@]host[:port]', of which no part can be an option of ssh, or more than one word. */
export function parseSshHost(address: string): SshHost | PlaceFault {
  const at = address.lastIndexOf('@');
  const user = at < 0 ? null : address.slice(0, at);
  if (user !== null && !/^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}\$?$/.test(user)) return { fault: 'user' };
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(address.slice(at + 1)) ?? [];
  const host = bracketed ?? plain ?? '';
  const isAddress = bracketed !== undefined && /^[\da-f:.]{2,45}(%[A-Za-z0-9]{1,15})?$/i.test(bracketed);
  const isName = bracketed === undefined && host.length <= MAX_HOST && /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(host);
  if (!isAddress && !isName) return { fault: 'host' };
  if (digits === undefined) return { user, host, port: null };
  const port = /^[1-9]\d{0,4}$/.test(digits) ? Number(digits) : 0;
  return port >= 1 && port <= MAX_PORT ? { user, host, port } : { fault: 'port' };
}

/** As {@link parseSshHost} reads it. */
export function writeSshHost({ user, host, port }: SshHost): string {
  const named = host.includes(':') ? `[${host}]` : host;
  return `${user === null ? '' : `${user}@`}${named}${port === null ? '' : `:${port}`}`;
}

/**
 * As {@link parseVmPlace} reads it.
 * @param name of the machine; its id where the name could be read as a port
 */
export function writeRemotePlace(host: SshHost, { name, id }: { readonly name: string; readonly id: string }): string {
  return `libvirt+ssh://${writeSshHost(host)}:${/^\d+:/.test(name) ? id : name}`;
}

/** @returns null: it is on this machine */
export function hostOfVmPlace(text: string): SshHost | null {
  const place = parseVmPlace(text);
  if (!('host' in place)) return null;
  const { user, host, port } = place;
  return { user, host, port };
}

/** What a machine is called by its place alone: its name, or that of its file. */
export function nameInVmPlace(text: string): string {
  const place = parseVmPlace(text);
  if ('name' in place) return place.name;
  if ('path' in place) return place.path.replace(/^.*[\\/]/, '').replace(/\.vmx$/i, '');
  return text.slice(text.indexOf(':') + 1);
}

/** Whether a machine's name can stand in its place; where it cannot, its id does. */
export const isPlaceName = (name: string): boolean => isText(name, MAX_NAME);

/** Something that is one line. */
const isText = (text: string, max: number) => text !== '' && text.length <= max && !/\p{Cc}/u.test(text);
