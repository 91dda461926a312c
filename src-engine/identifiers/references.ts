/** Who names identifiers: files of a system and of its boot loaders, what they start, GRUB's core. */
import type { Guest } from '../contract/guest.contract.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { memorySource } from '../disk/memory-source.ts';
import type { FileContent, FileTree } from '../filesystems/file-tree.port.ts';
import type { GuestVolume } from '../guest/guest-input.ts';
import { bootFilesOf, isSearched, MAX_SEARCHED_BYTES, type BootFile } from './boot-files.ts';
import { isDamage, type Keeping } from './disk-ids.ts';
import { keptStart, type KeptStart } from '../writers/kept-start.ts';
import { readEfiProgram } from './efi-program.ts';
import type { IdForms } from './forms.ts';
import { packedCore, readGrubCore, unpackedCore, type GrubCore, type PackedCore } from './grub-core.ts';
import type { Searches } from './known-searches.ts';
import { nameOf, overridingArchive, searchInitramfs, type InitramfsSearch } from './initramfs.ts';

/** A program for UEFI with a kernel and a first file system in it may be as long as this. */
const MAX_PROGRAM_BYTES = 256 * 1024 * 1024;
/** First file systems are written anew as a whole where no kernel adds to them, all of a guest's together. */
const MAX_REWRITTEN_BYTES = 160 * 1024 * 1024;
const SHOWN_CHARACTERS = 300;
const CORE_FILE = 'core.img';
/** Where what starts the system, or says what is mounted, is kept. */
const BOOT_MOUNTS = /^\/(?:boot(?:\/.*)?|efi|etc)$/;

/** A file that keeps what it has, and is added to. */
interface AddedTo {
  readonly kept: KeptStart;
  readonly bytes: Buffer;
}

export interface Reference {
  readonly volume: GuestVolume;
  readonly file: BootFile;
  /** places in the list of renamings */
  readonly found: ReadonlySet<number>;
  /** why it cannot be rewritten, so that what it names has to stay; null: it can */
  readonly keeping: Keeping | null;
  /** @returns what the file is to be; null where it names none of those that were chosen */
  readonly rewritten: (forms: IdForms, chosen: ReadonlySet<number>) => Promise<Buffer | AddedTo | null>;
}

export interface References {
  /** nobody can tell what is named: all has to stay */
  readonly everything: Keeping | null;
  readonly references: readonly Reference[];
  /** GRUB's, where it names any */
  readonly core: (GrubCore & { readonly found: ReadonlySet<number> }) | null;
}

interface Searched {
  readonly source: BlockSource;
  readonly guest: Guest;
  readonly volumes: readonly GuestVolume[];
  readonly abilities: { canWrite(ref: string, kind: string): boolean };
  /** what is known of a template; left out: nothing */
  readonly searches?: Searches | undefined;
}

const NOTHING_KNOWN: Searches = { of: (_place, _forms, search) => search() };

/** Looks into a first file system. @returns null where it is none */
type SearchFirst = (content: FileContent) => Promise<InitramfsSearch | null>;

const isOfBoot = ({ mountPoint, type }: { readonly mountPoint: string; readonly type: string }) =>
  BOOT_MOUNTS.test(mountPoint) && type !== 'tmpfs';

/** @throws EngineError `READ_FAILED`, `ABORTED` */
export async function findReferences(
  { source, guest, volumes, abilities, searches = NOTHING_KNOWN }: Searched,
  forms: IdForms,
  signal: AbortSignal,
): Promise<References> {
  const nothing = (everything: Keeping): References => ({ everything, references: [], core: null });
  const missing = (guest.fstab.value ?? []).find(
    (entry) => isOfBoot(entry) && !volumes.some((one) => one.ref === entry.volume && isSearched(one)),
  );
  if (missing) return nothing({ code: 'id-kept-not-read', data: { mountPoint: missing.mountPoint } });
  const boots = new Set((guest.fstab.value ?? []).filter(isOfBoot).map((entry) => entry.volume));
  const references: Reference[] = [];
  const budget: Budget = { leftBytes: MAX_REWRITTEN_BYTES };
  for (const volume of volumes.filter(isSearched)) {
    const isBoot = boots.has(volume.ref);
    const files = await bootFilesOf(volume, isBoot, signal).catch((error) => {
      if (isDamage(error)) return null;
      throw error;
    });
    if (!files) return nothing({ code: 'id-kept-volume-damaged', data: { name: volume.ref } });
    const canWrite = abilities.canWrite(volume.ref, volume.kind!);
    for (const file of files) {
      signal.throwIfAborted();
      const searched: SearchFirst = (content) =>
        searches.of(`${volume.ref} ${pathOf(file)}`, forms, () => searchInitramfs(content, forms, signal));
      const found = await search(volume, file, forms, canWrite, budget, searched, signal);
      if (found === 'unreadable') return nothing({ code: 'id-kept-file-unreadable', data: { path: pathOf(file) } });
      if (found) references.push(found);
    }
  }
  const core = await readGrubCore(source);
  if (core && !core.content) return nothing({ code: 'id-kept-grub-core-unknown' });
  const inCore = core?.content ? forms.find(core.content) : new Set<number>();
  return { everything: null, references, core: inCore.size > 0 ? { ...core!, found: inCore } : null };
}

async function search(
  volume: GuestVolume,
  file: BootFile,
  forms: IdForms,
  canWrite: boolean,
  budget: Budget,
  searchFirst: SearchFirst,
  signal: AbortSignal,
): Promise<Reference | 'unreadable' | null> {
  const path = pathOf(file);
  const at = (code: Keeping['code']): Keeping => ({ code, data: { path } });
  const byName = forms.find(Buffer.from(file.names.at(-1)!, 'utf8'));
  const named: Reference | null =
    byName.size > 0
      ? { volume, file, found: byName, keeping: at('id-kept-file-name'), rewritten: async () => null }
      : null;
  try {
    const inside = await contentOf(volume.tree!, file, forms, budget, searchFirst, signal);
    if (inside === 'unreadable') return 'unreadable';
    if (!inside) return named;
    const { rewritten, keeping } = inside;
    const found = new Set([...inside.found, ...byName]);
    const own = named?.keeping ?? (keeping && at(keeping));
    const isFree = !file.isInSnapshot && canWrite;
    return {
      volume,
      file,
      found,
      rewritten,
      keeping: own ?? (isFree ? null : at(file.isInSnapshot ? 'id-kept-snapshot' : 'id-kept-not-written')),
    };
  } catch (error) {
    if (!isDamage(error)) throw error;
    return file.kind === 'plain' && !file.isSettings ? named : 'unreadable';
  }
}

interface Budget {
  leftBytes: number;
}

interface Inside {
  readonly found: ReadonlySet<number>;
  readonly keeping: Keeping['code'] | null;
  readonly rewritten: Reference['rewritten'];
}

/** @returns null where it names nothing */
async function contentOf(
  tree: FileTree,
  { names, node, kind, isSettings }: BootFile,
  forms: IdForms,
  budget: Budget,
  searchFirst: SearchFirst,
  signal: AbortSignal,
): Promise<Inside | 'unreadable' | null> {
  if (kind === 'other' || node.lengthBytes === 0) return null;
  const content = await tree.open(node);
  if (kind === 'initramfs') {
    const inside = await searchFirst(content);
    if (inside && !inside.isWhole) return 'unreadable';
    if (inside) return inside.found.size > 0 ? ofInitramfs(content, inside, budget) : null;
  }
  if (node.lengthBytes > (kind === 'efi-program' ? MAX_PROGRAM_BYTES : MAX_SEARCHED_BYTES)) {
    return isSettings || kind === 'efi-program' ? 'unreadable' : null;
  }
  const bytes = Buffer.alloc(node.lengthBytes);
  await content.readInto(0, bytes);
  const core = names.at(-1)!.toLowerCase() === CORE_FILE ? await unpackedCore(bytes) : null;
  if (core?.content) return ofCore({ ...core, content: core.content }, forms, signal);
  const name = names.at(-1)!;
  const found = forms.find(bytes, name);
  const isEnvironment = name.toLowerCase() === GRUB_ENVIRONMENT;
  const replaced = (others: IdForms, chosen: ReadonlySet<number>) => {
    const now = others.replaced(bytes, chosen, name);
    return now && isEnvironment ? environmentOf(now, bytes.length) : now;
  };
  const rewritten: Reference['rewritten'] = async (others, chosen) => replaced(others, chosen);
  const program = kind === 'efi-program' ? readEfiProgram(bytes) : null;
  if (program?.initramfs) {
    const inside = await searchInitramfs(memorySource(program.initramfs), forms, signal);
    if (inside && !inside.isWhole) return 'unreadable';
    const packed = inside?.found ?? new Set<number>();
    // what is packed cannot be replaced in its place
    if (packed.size > 0) return { found: new Set([...found, ...packed]), keeping: 'id-kept-initramfs', rewritten };
  }
  if (found.size === 0) return null;
  if (program?.isSigned) return { found, keeping: 'id-kept-signed', rewritten };
  // what is no text has other things behind it, which stay where they are
  const isStuck = forms.changesLength(found) && (program !== null || (isEnvironment && !replaced(forms, found)));
  const isBinary = isStuck || (!program && !isSettings && bytes.includes(0));
  return { found, keeping: isBinary ? 'id-kept-binary' : null, rewritten };
}

/** What GRUB's own tool writes to the disk from, the next time. */
function ofCore(core: PackedCore & { content: Buffer }, forms: IdForms, signal: AbortSignal): Inside | null {
  const found = forms.find(core.content);
  if (found.size === 0) return null;
  const rewritten: Reference['rewritten'] = async (others, chosen) => {
    const content = others.replaced(core.content, chosen);
    return content && packedCore(core, content, signal);
  };
  return { found, keeping: forms.changesLength(found) ? 'id-kept-grub-core' : null, rewritten };
}

/** Files by the names of those in it stand in an archive behind it. */
function ofInitramfs(content: FileContent, { found, files, canOverride }: InitramfsSearch, budget: Budget): Inside {
  const { lengthBytes } = content;
  const hasRoom = lengthBytes <= budget.leftBytes;
  if (!canOverride || !hasRoom) return { found, keeping: 'id-kept-initramfs', rewritten: async () => null };
  budget.leftBytes -= lengthBytes;
  return {
    found,
    keeping: null,
    async rewritten(forms, chosen) {
      const others = files.flatMap((file) => {
        const bytes = forms.replaced(file.bytes, chosen, nameOf(file));
        return bytes ? [{ ...file, bytes }] : [];
      });
      if (others.length === 0) return null;
      return { kept: await keptStart(content), bytes: overridingArchive(lengthBytes, others) };
    },
  };
}

/** GRUB writes it in its place, so it is as long as it was, with signs behind its lines that mean nothing: GRUB's manual, "Environment block". */
const GRUB_ENVIRONMENT = 'grubenv';
const FILLER = '#';

/** @returns null where there is no room for it */
function environmentOf(bytes: Buffer, lengthBytes: number): Buffer | null {
  const lines = bytes.toString('latin1').replace(/#+$/, '');
  return lines.length <= lengthBytes ? Buffer.from(lines.padEnd(lengthBytes, FILLER), 'latin1') : null;
}

const pathOf = ({ names }: BootFile) =>
  `/${names.join('/')}`.replace(/[\x00-\x1f\x7f]/g, '\ufffd').slice(0, SHOWN_CHARACTERS);
