/** What is in an archive, before anything of it is unpacked. */
import { createInterface } from 'node:readline';
import { basename } from 'node:path';
import { EngineError } from '../core/engine-error.ts';
import { isStream } from './archive-type.ts';
import { runOnArchive, type ArchiveFile } from './seven-zip.ts';

/** Nobody packs a disk among more files than this. */
const MAX_ENTRIES = 20_000;

export interface ArchiveEntry {
  /** with '/' between folders; of a stream the archive's own name without its last ending */
  readonly name: string;
  /** null where the archive does not know */
  readonly lengthBytes: number | null;
  readonly packedBytes: number | null;
  readonly isEncrypted: boolean;
  /** links can be seen, not taken */
  readonly isLink: boolean;
}

/**
 * @returns the files of an archive, without folders
 * @throws EngineError `ARCHIVE_PASSWORD`; `ARCHIVE_UNSAFE` where a name leads out of the archive, or there are too many;
 *   `FORMAT_INVALID`
 */
export async function listArchive(file: ArchiveFile, signal: AbortSignal): Promise<ArchiveEntry[]> {
  const { child, ended } = runOnArchive('list', file, [], signal);
  const entries: ArchiveEntry[] = [];
  let properties: Map<string, string> | null = null;

  const take = () => {
    const entry = properties && toEntry(file, properties);
    if (entry) entries.push(entry);
    properties &&= new Map();
  };
  for await (const line of createInterface({ input: child.stdout, crlfDelay: Infinity })) {
    // a line of dashes ends what is said of the archive itself; an empty one ends an entry
    if (line.startsWith('----------')) properties ??= new Map();
    else if (line === '') take();
    else {
      const [, name, value] = /^([A-Z][\w ]*) = ?(.*)$/.exec(line) ?? [];
      // the first of a name counts: what follows may be the second line of a file's name
      if (name !== undefined && properties && !properties.has(name)) properties.set(name, value);
    }
    if (entries.length > MAX_ENTRIES) {
      child.kill();
      throw new EngineError('ARCHIVE_UNSAFE', { path: file.path, reason: 'entries', value: MAX_ENTRIES });
    }
  }
  await ended;
  take();
  return entries;
}

function toEntry(file: ArchiveFile, properties: ReadonlyMap<string, string>): ArchiveEntry | null {
  const isOnlyStream = isStream(file.type);
  if (properties.size === 0 || (!isOnlyStream && !properties.has('Path'))) return null;
  const attributes = properties.get('Attributes') ?? '';
  if (properties.get('Folder') === '+' || attributes.startsWith('D')) return null;
  const name = isOnlyStream
    ? basename(file.path).replace(/\.[^.]*$/, '') || 'image'
    : properties.get('Path')!.replaceAll('\\', '/');
  checkName(file, name);
  const mode = properties.get('Mode') ?? attributes;
  return {
    name,
    lengthBytes: lengthOf(properties.get('Size')),
    packedBytes: lengthOf(properties.get('Packed Size')),
    isEncrypted: properties.get('Encrypted') === '+',
    isLink: / ?[lh][-r][-w][-xsS]/.test(mode) || !!properties.get('Symbolic Link') || !!properties.get('Hard Link'),
  };
}

/** Nothing is ever written under these names; an archive that tries is not to be trusted with the rest either. */
function checkName({ path }: ArchiveFile, name: string): void {
  const isOutside = name.startsWith('/') || /^[a-z]:/i.test(name) || name.split('/').includes('..');
  if (isOutside) throw new EngineError('ARCHIVE_UNSAFE', { path, reason: 'name', value: name.slice(0, 200) });
}

function lengthOf(text: string | undefined): number | null {
  const length = Number(text || NaN);
  return Number.isSafeInteger(length) && length >= 0 ? length : null;
}
