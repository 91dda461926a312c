/**
 * What first file systems name of a disk: settings for waking up, devices that are waited for, a copy of fstab. Archives of cpio, one behind
 * the other, the last of them packed. Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
 */
import { EngineError } from '../core/engine-error.ts';
import { StreamReader } from '../archive/stream-reader.ts';
import { HEAD_BYTES, streamTypeOf } from '../archive/stream-type.ts';
import { unpackStream } from '../archive/unpack-stream.ts';
import type { IdForms } from './forms.ts';

const HEADER_BYTES = 110;
const MAGIC = /^07070[12]/;
const TRAILER = 'TRAILER!!!';
/** Settings are short. Modules, firmware and programs name no disk. */
const MAX_SEARCHED_BYTES = 256 * 1024;
const PASSED_OVER = /(?:^|\/)(?:modules|firmware)\/|\.so(?:\.|$)|\.ko(?:\.|$)/;
const MAX_NAME_BYTES = 4096;
const MAX_FILE_BYTES = 0xffffffff;
/** Of one that is unpacked; a larger one is not looked through. */
const MAX_CONTENT_BYTES = 2 * 1024 * 1024 * 1024;
const MAX_ENTRIES = 200_000;

export interface InitramfsSearch {
  readonly found: ReadonlySet<number>;
  /** whether all of it could be read: where not, it may name anything */
  readonly isWhole: boolean;
}

/**
 * @returns null where it is no archive, packed or not
 * @throws EngineError `READ_FAILED`, `ABORTED`
 */
export async function searchInitramfs(
  content: AsyncIterable<Uint8Array>,
  forms: IdForms,
  signal: AbortSignal,
): Promise<InitramfsSearch | null> {
  const search = new Search(forms, signal);
  try {
    const isArchive = await search.run(new StreamReader(content, 'initramfs'));
    return isArchive ? { found: search.found, isWhole: true } : null;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EngineError) || !/^FORMAT_/.test(error.code)) throw error;
    // padding, or what somebody has put behind the archive: the kernel has what it needs by then
    return { found: search.found, isWhole: search.isPastArchive };
  }
}

class Search {
  readonly found = new Set<number>();
  isPastArchive = false;
  readonly #forms: IdForms;
  readonly #signal: AbortSignal;
  #contentBytes = 0;
  #entries = 0;

  constructor(forms: IdForms, signal: AbortSignal) {
    this.#forms = forms;
    this.#signal = signal;
  }

  async run(reader: StreamReader, isUnpacked = false): Promise<boolean> {
    for (let archives = 0; ; archives++) {
      await skipZeros(reader);
      const head = Buffer.from(await reader.peek(HEAD_BYTES));
      if (head.length === 0) return archives > 0;
      if (MAGIC.test(head.toString('latin1'))) {
        await this.#archive(reader);
        continue;
      }
      const type = isUnpacked ? null : streamTypeOf(head);
      if (type === null) {
        if (archives === 0) return false;
        throw new EngineError('FORMAT_INVALID', { field: 'archive', value: head.toString('hex') });
      }
      const about = { type, path: '', leftOut: () => {} };
      return this.run(new StreamReader(unpackStream(about, rest(reader), this.#signal), 'cpio'), true);
    }
  }

  async #archive(reader: StreamReader): Promise<void> {
    this.isPastArchive = false;
    for (;;) {
      this.#signal.throwIfAborted();
      const header = (await reader.take(HEADER_BYTES)).toString('latin1');
      if (!MAGIC.test(header)) throw new EngineError('FORMAT_INVALID', { field: 'cpio header', value: '' });
      const field = (index: number) => parseInt(header.slice(6 + 8 * index, 14 + 8 * index), 16);
      const [fileBytes, nameBytes] = [field(6), field(11)];
      if (!(fileBytes <= MAX_FILE_BYTES) || !(nameBytes >= 1 && nameBytes <= MAX_NAME_BYTES)) {
        throw new EngineError('FORMAT_INVALID', { field: 'cpio header', value: '' });
      }
      const name = Buffer.from(await reader.take(nameBytes)).subarray(0, -1);
      await reader.skip(-(HEADER_BYTES + nameBytes) & 3);
      if (name.toString('latin1') === TRAILER) break;
      this.#contentBytes += fileBytes;
      if (this.#contentBytes > MAX_CONTENT_BYTES || ++this.#entries > MAX_ENTRIES) {
        throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'a first file system of that length' });
      }
      this.#look(name);
      const isSearched = fileBytes <= MAX_SEARCHED_BYTES && !PASSED_OVER.test(name.toString('latin1'));
      if (isSearched) this.#look(Buffer.from(await reader.take(fileBytes)));
      else await reader.skip(fileBytes);
      await reader.skip(-fileBytes & 3);
    }
    this.isPastArchive = true;
  }

  #look(bytes: Buffer): void {
    for (const one of this.#forms.find(bytes)) this.found.add(one);
  }
}

async function skipZeros(reader: StreamReader): Promise<void> {
  for (let piece = await reader.some(); piece !== null; piece = await reader.some()) {
    const start = piece.findIndex((byte) => byte !== 0);
    if (start < 0) continue;
    return reader.putBack(piece.subarray(start));
  }
}

async function* rest(reader: StreamReader): AsyncGenerator<Uint8Array> {
  for (let piece = await reader.some(); piece !== null; piece = await reader.some()) yield piece;
}
