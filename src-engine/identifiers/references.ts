/** Who names identifiers: files of a system and of its boot loaders, what they start, GRUB's core. */
import type { Guest } from '../contract/guest.contract.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import type { FileContent, FileTree } from '../filesystems/file-tree.port.ts';
import type { GuestVolume } from '../guest/guest-input.ts';
import { bootFilesOf, isSearched, MAX_SEARCHED_BYTES, type BootFile } from './boot-files.ts';
import { isDamage, type Keeping } from './disk-ids.ts';
import { readEfiProgram } from './efi-program.ts';
import type { IdForms } from './forms.ts';
import { readGrubCore } from './grub-core.ts';
import { searchInitramfs } from './initramfs.ts';

/** A program for UEFI with a kernel and a first file system in it may be as long as this. */
const MAX_PROGRAM_BYTES = 256 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;
const SHOWN_CHARACTERS = 300;
/** Where what starts the system, or says what is mounted, is kept. */
const BOOT_MOUNTS = /^\/(?:boot(?:\/.*)?|efi|etc)$/;

export interface Reference {
  readonly volume: GuestVolume;
  readonly file: BootFile | null;
  /** places in the list of renamings */
  readonly found: ReadonlySet<number>;
  /** why it cannot be rewritten, so that what it names has to stay; null: it can */
  readonly keeping: Keeping | null;
  readonly bytes: Buffer;
}

export interface References {
  /** nobody can tell what is named: all has to stay */
  readonly everything: Keeping | null;
  readonly references: readonly Reference[];
}

interface Searched {
  readonly source: BlockSource;
  readonly guest: Guest;
  readonly volumes: readonly GuestVolume[];
  readonly abilities: { canWrite(ref: string, kind: string): boolean };
}

/** @throws EngineError `READ_FAILED`, `ABORTED` */
export async function findReferences(
  { source, guest, volumes, abilities }: Searched,
  forms: IdForms,
  signal: AbortSignal,
): Promise<References> {
  const nothing = (everything: Keeping): References => ({ everything, references: [] });
  const missing = (guest.fstab.value ?? []).find(
    ({ mountPoint, volume, type }) =>
      BOOT_MOUNTS.test(mountPoint) && type !== 'tmpfs' && !volumes.some((one) => one.ref === volume && isSearched(one)),
  );
  if (missing) return nothing({ code: 'id-kept-not-read', data: { mountPoint: missing.mountPoint } });
  const references: Reference[] = [];
  for (const volume of volumes.filter(isSearched)) {
    const files = await bootFilesOf(volume, signal).catch((error) => {
      if (isDamage(error)) return null;
      throw error;
    });
    if (!files) return nothing({ code: 'id-kept-volume-damaged', data: { name: volume.ref } });
    const canWrite = abilities.canWrite(volume.ref, volume.kind!);
    for (const file of files) {
      signal.throwIfAborted();
      const found = await search(volume, file, forms, canWrite, signal);
      if (found === 'unreadable') return nothing({ code: 'id-kept-file-unreadable', data: { path: pathOf(file) } });
      if (found) references.push(found);
    }
  }
  const core = await readGrubCore(source);
  if (core && !core.content) return nothing({ code: 'id-kept-grub-core-unknown' });
  if (core) {
    const found = new Set([...forms.find(core.content!), ...forms.find(core.bytes)]);
    const keeping: Keeping = { code: 'id-kept-grub-core' };
    if (found.size > 0) references.push({ volume: volumes[0], file: null, found, keeping, bytes: core.bytes });
  }
  return { everything: null, references };
}

async function search(
  volume: GuestVolume,
  file: BootFile,
  forms: IdForms,
  canWrite: boolean,
  signal: AbortSignal,
): Promise<Reference | 'unreadable' | null> {
  const path = pathOf(file);
  const at = (code: Keeping['code']): Keeping => ({ code, data: { path } });
  const byName = forms.find(Buffer.from(file.names.at(-1)!, 'utf8'));
  const named: Reference | null =
    byName.size > 0 ? { volume, file, found: byName, keeping: at('id-kept-file-name'), bytes: Buffer.alloc(0) } : null;
  try {
    const inside = await contentOf(volume.tree!, file, forms, signal);
    if (inside === 'unreadable') return 'unreadable';
    if (!inside) return named;
    const { bytes, keeping } = inside;
    const found = new Set([...inside.found, ...byName]);
    const own = named?.keeping ?? (keeping && at(keeping));
    const isFree = !file.isInSnapshot && canWrite;
    return {
      volume,
      file,
      found,
      bytes,
      keeping: own ?? (isFree ? null : at(file.isInSnapshot ? 'id-kept-snapshot' : 'id-kept-not-written')),
    };
  } catch (error) {
    if (!isDamage(error)) throw error;
    return file.kind === 'plain' && !file.isSettings ? named : 'unreadable';
  }
}

interface Inside {
  readonly found: ReadonlySet<number>;
  readonly keeping: Keeping['code'] | null;
  readonly bytes: Buffer;
}

/** @returns null where it names nothing */
async function contentOf(
  tree: FileTree,
  { node, kind, isSettings }: BootFile,
  forms: IdForms,
  signal: AbortSignal,
): Promise<Inside | 'unreadable' | null> {
  if (kind === 'other' || node.lengthBytes === 0) return null;
  const content = await tree.open(node);
  if (kind === 'initramfs') {
    const inside = await searchInitramfs(piecesOf(content), forms, signal);
    if (inside && !inside.isWhole) return 'unreadable';
    if (inside) {
      const { found } = inside;
      return found.size > 0 ? { found, keeping: 'id-kept-initramfs', bytes: Buffer.alloc(0) } : null;
    }
  }
  if (node.lengthBytes > (kind === 'efi-program' ? MAX_PROGRAM_BYTES : MAX_SEARCHED_BYTES)) {
    return isSettings || kind === 'efi-program' ? 'unreadable' : null;
  }
  const bytes = Buffer.alloc(node.lengthBytes);
  await content.readInto(0, bytes);
  const found = new Set(forms.find(bytes));
  const program = kind === 'efi-program' ? readEfiProgram(bytes) : null;
  if (program?.initramfs) {
    const inside = await searchInitramfs(asPieces(program.initramfs), forms, signal);
    if (inside && !inside.isWhole) return 'unreadable';
    const packed = inside?.found ?? new Set<number>();
    // what is packed cannot be replaced in its place
    if (packed.size > 0) return { found: new Set([...found, ...packed]), keeping: 'id-kept-initramfs', bytes };
  }
  if (found.size === 0) return null;
  if (program?.isSigned) return { found, keeping: 'id-kept-signed', bytes };
  const isBinary = !program && !isSettings && bytes.includes(0);
  return { found, keeping: isBinary ? 'id-kept-binary' : null, bytes };
}

async function* piecesOf(content: FileContent): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.lengthBytes; at += PIECE_BYTES) {
    const piece = Buffer.alloc(Math.min(PIECE_BYTES, content.lengthBytes - at));
    await content.readInto(at, piece);
    yield piece;
  }
}

async function* asPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const pathOf = ({ names }: BootFile) =>
  `/${names.join('/')}`.replace(/[\x00-\x1f\x7f]/g, '\ufffd').slice(0, SHOWN_CHARACTERS);
