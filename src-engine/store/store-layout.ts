/** Where things lie in a catalog's folder. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export interface StoreLayout {
  readonly root: string;
  readonly database: string;
  readonly packs: string;
  readonly manifests: string;
  /** unfinished files: nothing in here is referred to, and a writer empties it when it starts */
  readonly scratch: string;
  /** a lab's own policies; need not be there */
  readonly policies: string;
  /** profiles of machines that are elsewhere; need not be there */
  readonly machines: string;
  /** addresses of hosts whose virtual machines are listed; need not be there */
  readonly hosts: string;
  /** what machines of boot proofs showed and said: the last ones; need not be there */
  readonly proofs: string;
  /** what jobs owe to the world outside; need not be there */
  readonly pledges: string;
  /** files that pages have sent: a folder for each engine that runs; need not be there */
  readonly uploads: string;
  /** what a person set for the pages; need not be there */
  readonly preferences: string;
  readonly writerLock: string;
  readonly readersLock: string;
  /** why nothing may be written: the database is a copy of one that cannot be opened where it lies */
  readonly refusal?: 'PERMISSION_DENIED' | 'DISK_FULL' | 'WRITE_FAILED';
}

const MANIFEST_ENDING = '.dpm';

export function manifestPath(layout: StoreLayout, name: string): string {
  return join(layout.manifests, name + MANIFEST_ENDING);
}

/** Names of the manifests that are there. */
export function manifestNames(layout: StoreLayout): string[] {
  return readdirSync(layout.manifests)
    .filter((file) => file.endsWith(MANIFEST_ENDING))
    .map((file) => file.slice(0, -MANIFEST_ENDING.length));
}

export function storeLayout(root: string): StoreLayout {
  return {
    root,
    database: join(root, 'catalog.db'),
    packs: join(root, 'packs'),
    manifests: join(root, 'manifests'),
    scratch: join(root, 'scratch'),
    policies: join(root, 'policies'),
    machines: join(root, 'machines'),
    hosts: join(root, 'hosts.json'),
    proofs: join(root, 'proofs'),
    pledges: join(root, 'pledges'),
    uploads: join(root, 'uploads'),
    preferences: join(root, 'preferences.json'),
    writerLock: join(root, 'writer.lock'),
    readersLock: join(root, 'readers.lock'),
  };
}
