/**
 * The changes of a guest as they are gathered: files are read as they will be after what has been gathered so far, so that
 * several settings may change one file. Texts are Latin-1, a character for each byte: what is not edited stays as it was.
 */
import {
  RENEWAL_REASONS,
  type ChangeReason,
  type SettingCode,
  type SettingNote,
} from '../../contract/deploy.contract.ts';
import type { MessageData } from '../../contract/errors.ts';
import type { GuestChange, WriteChange } from '../changes.port.ts';
import type { GuestFiles } from '../guest-files.ts';
import { CannotChange } from './cannot-change.ts';

/** The longest file that is edited: a passwd with tens of thousands of users is shorter. */
const MAX_EDITED_BYTES = 4 * 1024 * 1024;
const MAX_CHANGES = 20_000;
const MAX_SHOWN_PATH = 300;

export interface Owner {
  readonly userId: number;
  readonly groupId: number;
}

export const ROOT: Owner = { userId: 0, groupId: 0 };

export interface WriteOptions {
  /** permission bits; left out: those of the file that is there, or 0644 */
  readonly mode?: number;
  readonly owner?: Owner;
  readonly isSecret?: boolean;
}

/** What is written below it would not be seen in the guest: something that is not read here is mounted on it. */
export interface HiddenFolder {
  readonly mountPoint: string;
  readonly isInMemory: boolean;
}

export class GuestDraft {
  readonly files: GuestFiles;
  readonly notes: SettingNote[] = [];
  #changes = new Map<string, GuestChange>();
  readonly #hidden: readonly HiddenFolder[];

  constructor(files: GuestFiles, hidden: readonly HiddenFolder[]) {
    this.files = files;
    this.#hidden = hidden;
  }

  get changes(): GuestChange[] {
    return [...this.#changes.values()];
  }

  get hasNewFiles(): boolean {
    return this.changes.some(({ kind }) => kind !== 'remove' && kind !== 'empty');
  }

  /** Does what one setting needs: all of it, or nothing and a note that says why. */
  async attempt(reason: ChangeReason, work: () => Promise<void>, data: MessageData = {}): Promise<boolean> {
    const changes = new Map(this.#changes);
    const noteCount = this.notes.length;
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof CannotChange)) throw error;
      this.#changes = changes;
      this.notes.length = noteCount;
      this.cannot(reason, error.code, { ...data, ...error.data });
      return false;
    }
  }

  can(reason: ChangeReason, code: SettingCode, data: MessageData = {}): void {
    this.notes.push({ reason, isPossible: true, code, data });
  }

  cannot(reason: ChangeReason, code: SettingCode, data: MessageData = {}): void {
    this.notes.push({ reason, isPossible: false, code, data });
  }

  /**
   * @returns a file's bytes as Latin-1; null where nothing is there
   * @throws CannotChange where something stands there that is no file, or that cannot be read or is too long
   */
  async text(path: string): Promise<string | null> {
    const real = await this.#realPath(path);
    const change = this.#changes.get(real);
    if (change) return change.kind === 'write' ? Buffer.from(change.bytes).toString('latin1') : null;
    const failedBefore = this.files.failedReads;
    const place = await this.files.find(real);
    if (!place) {
      if (this.files.failedReads > failedBefore) throw new CannotChange('file-unreadable', { path: shown(path) });
      return null;
    }
    if (place.node.kind !== 'file')
      throw new CannotChange('file-not-regular', { path: shown(path), kind: place.node.kind });
    const { lengthBytes } = place.node;
    if (lengthBytes > MAX_EDITED_BYTES) {
      throw new CannotChange('file-too-long', { path: shown(path), lengthBytes, limitBytes: MAX_EDITED_BYTES });
    }
    const bytes = await this.files.head(real, MAX_EDITED_BYTES);
    if (!bytes) throw new CannotChange('file-unreadable', { path: shown(path) });
    return bytes.toString('latin1');
  }

  /** As {@link text}, where whoever asks does not edit: what is no readable file is null. */
  async glance(path: string): Promise<string | null> {
    try {
      return await this.text(path);
    } catch (error) {
      if (error instanceof CannotChange) return null;
      throw error;
    }
  }

  /** Whether there is something, what has been gathered so far counted in. */
  async exists(path: string): Promise<boolean> {
    const change = this.#changes.get((await this.files.realPath(path)) ?? path);
    if (change) return change.kind !== 'remove';
    return this.files.exists(path);
  }

  /** What writes that file already, so that another who puts one there would undo it; null: nobody, or who clears an identity. */
  async writerOf(path: string): Promise<ChangeReason | null> {
    const change = this.#changes.get((await this.files.realPath(path)) ?? path);
    const isIdentity = (RENEWAL_REASONS as readonly string[]).includes(change?.reason ?? '');
    return change?.kind === 'write' && !isIdentity ? change.reason : null;
  }

  /** The names in a folder that is there before all changes. @throws CannotChange where it cannot be read, or has too many */
  async names(path: string): Promise<string[]> {
    const failedBefore = this.files.failedReads;
    const names = await this.files.names(path);
    if (names.length === 0 && this.files.failedReads > failedBefore)
      throw new CannotChange('file-unreadable', { path: shown(path) });
    return names;
  }

  /**
   * A file with that text, in Latin-1, instead of what is there. Links lead to the file that is written; one that leads
   * nowhere is replaced. What has that content already is no change, unless bits or owner are asked for.
   */
  async write(reason: ChangeReason, path: string, text: string, options: WriteOptions = {}): Promise<void> {
    if (options.mode === undefined && options.owner === undefined && (await this.glance(path)) === text) return;
    await this.writeBytes(reason, path, Buffer.from(text, 'latin1'), options);
  }

  async writeBytes(reason: ChangeReason, path: string, bytes: Uint8Array, options: WriteOptions = {}): Promise<void> {
    const real = await this.#realPath(path);
    const place = await this.files.find(real);
    if (place && place.node.kind !== 'file' && !this.#changes.has(real)) {
      throw new CannotChange('file-not-regular', { path: shown(path), kind: place.node.kind });
    }
    const earlier = this.#changes.get(real);
    const { mode = null, owner = null, isSecret = false } = options;
    const kept: Partial<WriteChange> = earlier?.kind === 'write' ? earlier : {};
    this.#put({
      kind: 'write',
      reason,
      path: real,
      bytes,
      mode: mode ?? kept.mode ?? null,
      owner: owner ?? kept.owner ?? null,
      isSecret: isSecret || kept.isSecret === true,
    });
  }

  /** As {@link write}; a link that stands there is replaced, wherever it leads. */
  async replace(reason: ChangeReason, path: string, text: string): Promise<void> {
    const at = await this.#parentPath(path);
    this.#put({
      kind: 'write',
      reason,
      path: at,
      bytes: Buffer.from(text, 'latin1'),
      mode: 0o644,
      owner: ROOT,
      isSecret: false,
    });
  }

  /** Edits a file that is there. @returns whether it is */
  async edit(
    reason: ChangeReason,
    path: string,
    change: (text: string) => string,
    options: WriteOptions = {},
  ): Promise<boolean> {
    const text = await this.text(path);
    if (text === null) return false;
    const edited = change(text);
    if (edited !== text) await this.write(reason, path, edited, options);
    return true;
  }

  /** Removes what stands at a path; a link itself, not what it leads to. @returns whether there is anything */
  async remove(reason: ChangeReason, path: string): Promise<boolean> {
    const at = await this.#parentPath(path);
    const isThere = (await this.files.exists(at)) || (await this.files.linkTarget(at)) !== null;
    if (isThere) this.#put({ kind: 'remove', reason, path: at });
    else this.#changes.delete(at);
    return isThere;
  }

  /** Empties a file, or a folder but for `lost+found`. @returns whether there is anything in it */
  async empty(reason: ChangeReason, path: string): Promise<boolean> {
    const real = await this.files.realPath(path);
    const place = real === null ? null : await this.files.find(real);
    if (!place || real === null || real === '/') return false;
    await this.#parentPath(real);
    if (place.node.kind === 'file') {
      if (place.node.lengthBytes > 0) this.#put({ kind: 'empty', reason, path: real });
      return place.node.lengthBytes > 0;
    }
    if (place.node.kind !== 'folder') return false;
    const hasLostFiles = await this.files.exists(`${real}/lost+found`);
    const failedBefore = this.files.failedReads;
    const names = await this.files.names(real);
    if (!hasLostFiles) {
      // one with more names than are listed here is emptied all the same
      const hasEntries = names.length > 0 || this.files.failedReads > failedBefore;
      if (hasEntries) this.#put({ kind: 'empty', reason, path: real });
      return hasEntries;
    }
    const others = names.filter((name) => name !== 'lost+found');
    for (const name of others) await this.remove(reason, `${real}/${name}`);
    return others.length > 0;
  }

  async link(reason: ChangeReason, path: string, target: string): Promise<void> {
    const at = await this.#parentPath(path);
    if ((await this.files.linkTarget(at)) === target && !this.#changes.has(at)) return;
    const place = await this.files.find(at);
    if (place?.node.kind === 'folder' && (await this.files.linkTarget(at)) === null) {
      throw new CannotChange('file-not-regular', { path: shown(path), kind: 'folder' });
    }
    this.#put({ kind: 'link', reason, path: at, target });
  }

  async folder(reason: ChangeReason, path: string, mode: number, owner: Owner): Promise<void> {
    const at = await this.#realPath(path);
    const place = await this.files.find(at);
    if (place && place.node.kind !== 'folder') {
      throw new CannotChange('file-not-regular', { path: shown(path), kind: place.node.kind });
    }
    this.#put({ kind: 'folder', reason, path: at, mode, owner });
  }

  /** Where a path leads; where nothing is, the place at which it would be made. */
  async #realPath(path: string): Promise<string> {
    const real = await this.files.realPath(path);
    if (real === null) return this.#parentPath(path);
    this.#checkReachable(real);
    return real;
  }

  /** A path whose folder has no links on its way any more; what stands at its end is left as it is. */
  async #parentPath(path: string): Promise<string> {
    const names = path.split('/').filter(Boolean);
    const last = names.pop();
    let at = '';
    for (const [i, name] of names.entries()) {
      const next = `${at}/${name}`;
      const real = await this.files.realPath(next);
      if (real === null) {
        if ((await this.files.linkTarget(next)) !== null)
          throw new CannotChange('link-leads-nowhere', { path: shown(next) });
        at = [at, ...names.slice(i)].join('/');
        break;
      }
      const place = await this.files.find(real);
      if (place?.node.kind !== 'folder') {
        throw new CannotChange('file-not-regular', { path: shown(next), kind: place?.node.kind ?? 'nothing' });
      }
      at = real === '/' ? '' : real;
    }
    const full = `${at}/${last ?? ''}`;
    this.#checkReachable(full);
    return full;
  }

  #checkReachable(path: string): void {
    const hidden = this.#hidden.find(({ mountPoint }) => path === mountPoint || path.startsWith(`${mountPoint}/`));
    if (!hidden) return;
    if (hidden.isInMemory) throw new CannotChange('file-volatile', { path: shown(path) });
    throw new CannotChange('volume-not-reached', { path: shown(path), mountPoint: shown(hidden.mountPoint) });
  }

  #put(change: GuestChange): void {
    if (this.#changes.size >= MAX_CHANGES) throw new CannotChange('too-many-files', { count: MAX_CHANGES });
    // what comes later is carried out later
    this.#changes.delete(change.path);
    this.#changes.set(change.path, change);
  }
}

/** Text of the guest as a note shows it. */
export const shown = (text: string): string => text.replace(/[\x00-\x1f\x7f]/g, '\ufffd').slice(0, MAX_SHOWN_PATH);
