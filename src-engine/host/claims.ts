/** What a job takes for its time, and with what others may be in its way. The table of who may run with whom is in ARCHITECTURE.md. */
import { dirname, resolve } from 'node:path';
import type { Machine } from '../machines/machine.port.ts';

/** A disk or a file: `source` is read, `target` is written. */
interface PlaceClaim {
  readonly kind: 'source' | 'target';
  readonly what: string;
  /** what it is, by whatever path one comes to it */
  readonly names: readonly string[];
}

/** The template that gets a version. */
interface TemplateClaim {
  readonly kind: 'template';
  readonly what: string;
}

/** `write` adds and leaves what is there as it is; `alone` changes what others read or add to. */
interface CatalogClaim {
  readonly kind: 'catalog';
  readonly what: '';
  readonly access: 'read' | 'write' | 'alone';
}

export type Claim = PlaceClaim | TemplateClaim | CatalogClaim;

export const catalogClaim = (access: CatalogClaim['access']): Claim => ({ kind: 'catalog', what: '', access });
export const templateClaim = (name: string): Claim => ({ kind: 'template', what: name });

/** @param path with links followed; need not be there yet */
export async function placeClaim(machine: Machine, kind: PlaceClaim['kind'], path: string): Promise<Claim> {
  // a file that is replaced has another inode afterwards, and the same path
  return { kind, what: path, names: [...(await machine.bytesAt(path)), `path ${path}`] };
}

/** A virtual machine that is made, or changed, by whatever files. @param place 'libvirt:NAME' */
export const machineClaim = (place: string): Claim => ({ kind: 'target', what: place, names: [`machine ${place}`] });

/**
 * @param files names of files beside it, or paths, that are read too
 * @param isWrittenAfter its machine is started again: whoever else reads it would read what that writes
 */
export function sourceClaims(
  machine: Machine,
  path: string,
  files: readonly string[],
  isWrittenAfter = false,
): Promise<Claim[]> {
  const paths = files.map((name) => resolve(dirname(path), name));
  return Promise.all([
    placeClaim(machine, isWrittenAfter ? 'target' : 'source', path),
    ...paths.map((one) => placeClaim(machine, 'source', one)),
  ]);
}

const isPlace = (claim: Claim): claim is PlaceClaim => claim.kind === 'source' || claim.kind === 'target';

export function conflict(a: Claim, b: Claim): boolean {
  if (isPlace(a) && isPlace(b)) {
    return (a.kind === 'target' || b.kind === 'target') && a.names.some((name) => b.names.includes(name));
  }
  if (a.kind === 'template' && b.kind === 'template') return a.what === b.what;
  if (a.kind === 'catalog' && b.kind === 'catalog') return a.access === 'alone' || b.access === 'alone';
  return false;
}
