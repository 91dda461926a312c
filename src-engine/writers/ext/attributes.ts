/** Extended attributes that files keep when they are replaced, and labels that new ones get. */
import type { ContentFiles } from '../content-files.ts';
import type { Names, VolumeStep } from '../steps.port.ts';
import { pathOf, type Request } from './debugfs.ts';

export interface Attribute {
  readonly name: string;
  /** the descriptor of a file with its value */
  readonly source: number;
}

const LABEL = 'security.selinux';
/** What says who may do what, and what people have noted; not what belongs to the content: capabilities, checksums. */
const KEPT = /^(?:security\.selinux|system\.posix_acl_(?:access|default)|user\..+)$/;
/** `  security.selinux (32) = "..."` */
const LISTED = /^ {2}(\S+) \(\d+\)/;
const ECHO = /^debugfs: (\S+)/;

/**
 * @param firstContent descriptor of the first of the content files
 * @param read runs requests that only read, and gives what was printed
 */
export async function attributesOf(
  steps: readonly VolumeStep[],
  contents: ContentFiles,
  firstContent: number,
  read: (requests: Request[]) => Promise<string>,
): Promise<Map<VolumeStep, Attribute[]>> {
  const found = new Map<VolumeStep, Attribute[]>();
  const origins = originsOf(steps);
  const paths = [...new Map([...origins.values()].map((names) => [names.join('/'), names])).values()];
  const request = (name: string, ...words: Buffer[]): Request => ({ name, words, path: '' });
  if (paths.length === 0) return found;
  const listed = namesIn(await read(paths.map((names) => request('ea_list', pathOf(names)))), paths);
  const fetches: Request[] = [];
  const sources = new Map<string, number>();
  for (const [step, names] of origins) {
    const path = names.join('/');
    const isOwn = path === step.names.join('/');
    const attributes: Attribute[] = [];
    for (const name of listed.get(path) ?? []) {
      if (isOwn ? !KEPT.test(name) : name !== LABEL) continue;
      const key = `${path}\0${name}`;
      let source = sources.get(key);
      if (source === undefined) {
        source = firstContent + (await contents.add(new Uint8Array(0)));
        sources.set(key, source);
        fetches.push(
          request('ea_get', Buffer.from('-f'), Buffer.from(`/dev/fd/${source}`), pathOf(names), Buffer.from(name)),
        );
      }
      attributes.push({ name, source });
    }
    if (attributes.length > 0) found.set(step, attributes);
  }
  if (fetches.length > 0) await read(fetches);
  return found;
}

/** Whose attributes a step's file gets: its own, or those of the nearest folder that is there. */
function originsOf(steps: readonly VolumeStep[]): Map<VolumeStep, Names> {
  const origins = new Map<VolumeStep, Names>();
  const made = new Set<string>();
  for (const step of steps) {
    if (!['make-folder', 'put-file', 'put-link'].includes(step.do)) continue;
    if (step.do === 'make-folder' && step.isThere) continue;
    made.add(step.names.join('/'));
    const was = step.do === 'put-file' || step.do === 'put-link' ? step.was : null;
    let names = step.names;
    if (was?.kind !== 'file' || !was.node || step.do === 'put-link') {
      do names = names.slice(0, -1);
      while (made.has(names.join('/')));
    }
    origins.set(step, names);
  }
  return origins;
}

/** What was printed for each of the paths, in their order, behind the request itself. */
function namesIn(printed: string, paths: readonly Names[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let at = -1;
  for (const line of printed.split('\n')) {
    const echo = ECHO.exec(line);
    if (echo) {
      if (echo[1] === 'ea_list') at++;
      continue;
    }
    const name = LISTED.exec(line)?.[1];
    const path = paths[at]?.join('/');
    if (name !== undefined && path !== undefined) found.set(path, [...(found.get(path) ?? []), name]);
  }
  return found;
}
