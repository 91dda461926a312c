/** A disk that another program serves as a network block device, read as any other source. Nothing is ever written to it. */
import { checkSpan } from '../core/bounds.ts';
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import { agree, type Agreed } from './client-handshake.ts';
import { LOOPBACK, type NbdPlace } from './export.port.ts';
import { ALLOCATION, COMMAND, ERROR, REQUEST_MAGIC, request, ZERO } from './protocol.ts';
import { Replies, type AskedRead, type AskedStatus, type StatusRun } from './replies.ts';
import { uriOfSocket } from './socket-place.ts';
import { Wire } from './wire.ts';

export interface NbdSource extends BlockSource {
  /** the contexts that the server tells of, among those that were asked for */
  readonly contexts: readonly string[];
  /**
   * What a context says of a range: runs without gaps, ascending, in batches.
   * @throws EngineError as `readInto`; `FORMAT_UNSUPPORTED` for a context that is not among {@link contexts}
   */
  status(context: string, startBytes: number, lengthBytes: number, signal: AbortSignal): AsyncIterable<StatusRun[]>;
}

export interface NbdOptions {
  readonly signal: AbortSignal;
  /** '' is the server's default */
  readonly exportName?: string;
  /** beside `base:allocation` */
  readonly contexts?: readonly string[];
  /** the protocol does not tell it */
  readonly sectorBytes?: number;
  /** a server that has something to answer and says nothing for so long is taken for dead */
  readonly silenceMs?: number;
  /** for how long it may keep whoever connects waiting */
  readonly handshakeMs?: number;
}

/** More are sent when one of these is answered. What they bring lies in the memory of whoever asked: there is none of our own. */
const MAX_IN_FLIGHT = 16;
/** Long reads are asked for in pieces, so that a server can work at several. */
const PIECE_BYTES = 1024 * 1024;
/** So far is asked for runs at once: as far as 32 bits reach in whole blocks. */
const STATUS_BYTES = 2 ** 32 - 64 * 1024;
const HANDSHAKE_MS = 20_000;
const SILENCE_MS = 60_000;

/**
 * @throws EngineError `DISK_SERVER_UNREACHABLE` (data: place, said) where nobody answers there; `DISK_SERVER_REFUSED` (place, said) where the server has no such
 *   export, wants TLS, or speaks no fixed newstyle; `DISK_SERVER_LOST` (place, said) where it ends in between; `ABORTED`
 */
export async function openNbd(at: NbdPlace, options: NbdOptions): Promise<NbdSource> {
  const { signal, exportName = '', contexts = [], handshakeMs = HANDSHAKE_MS } = options;
  signal.throwIfAborted();
  const place = 'socketPath' in at ? uriOfSocket(at.socketPath) : `nbd://${LOOPBACK}:${at.port}/${exportName}`;
  const wire = new Wire(at);
  const stop = () => wire.end(new Error('aborted'));
  const deadline = setTimeout(() => wire.end(new Error(`no answer within ${handshakeMs / 1000} s`)), handshakeMs);
  signal.addEventListener('abort', stop, { once: true });
  try {
    const agreed = await agree(wire, place, exportName, [ALLOCATION, ...contexts]);
    return new Client(wire, place, agreed, options).source;
  } catch (error) {
    wire.end(error as Error);
    signal.throwIfAborted();
    if (error instanceof EngineError) throw error;
    const code = wire.heardAt > 0 ? 'DISK_SERVER_LOST' : 'DISK_SERVER_UNREACHABLE';
    throw new EngineError(code, { place, said: saidBy(error as Error) }, '', { cause: error });
  } finally {
    clearTimeout(deadline);
    signal.removeEventListener('abort', stop);
  }
}

class Client {
  readonly #wire: Wire;
  readonly #place: string;
  readonly #agreed: Agreed;
  readonly #replies: Replies;
  readonly #sectorBytes: number;
  readonly #silenceMs: number;
  readonly #pieceBytes: number;
  readonly #waiting: (() => void)[] = [];
  #lost: EngineError | null = null;
  #cookie = 0n;
  #askedAt = 0;
  #watch: NodeJS.Timeout | null = null;

  constructor(wire: Wire, place: string, agreed: Agreed, { sectorBytes = 512, silenceMs = SILENCE_MS }: NbdOptions) {
    this.#wire = wire;
    this.#place = place;
    this.#agreed = agreed;
    this.#sectorBytes = sectorBytes;
    this.#silenceMs = silenceMs;
    this.#pieceBytes = Math.min(PIECE_BYTES, agreed.maxBlockBytes);
    this.#replies = new Replies(wire, agreed.isStructured);
    wire.onEnd = (reason) =>
      this.#end(new EngineError('DISK_SERVER_LOST', { place, said: saidBy(reason) }, '', { cause: reason }));
    this.#replies.listen();
  }

  get source(): NbdSource {
    const { lengthBytes, contexts } = this.#agreed;
    const sectorBytes = this.#sectorBytes;
    return {
      lengthBytes,
      sectorBytes,
      physicalSectorBytes: Math.max(sectorBytes, this.#agreed.minBlockBytes),
      contexts: [...contexts.keys()],
      readInto: (offsetBytes, into) => this.#readInto(offsetBytes, into),
      status: (context, startBytes, length, signal) => this.#status(context, startBytes, length, signal),
      ...(contexts.has(ALLOCATION) && {
        dataRuns: (startBytes: number, length: number, signal: AbortSignal) =>
          this.#dataRuns(startBytes, length, signal),
      }),
      close: async () => this.#close(),
    };
  }

  #close(): void {
    const leave = Buffer.alloc(request.size);
    request.write(leave, { magic: REQUEST_MAGIC, command: COMMAND.DISC });
    this.#wire.end(new Error('closed'), leave);
  }

  #end(error: EngineError): void {
    this.#lost = error;
    if (this.#watch) clearTimeout(this.#watch);
    this.#replies.fail(error);
    for (const start of this.#waiting.splice(0)) start();
  }

  async #readInto(offsetBytes: number, into: Uint8Array): Promise<void> {
    const { lengthBytes, minBlockBytes } = this.#agreed;
    checkSpan('read', offsetBytes, into.length, lengthBytes);
    const pieces: Promise<void>[] = [];
    const endBytes = offsetBytes + into.length;
    for (let at = offsetBytes; at < endBytes;) {
      const over = at % minBlockBytes;
      const left = endBytes - at;
      const length = Math.min(left, over === 0 && left >= minBlockBytes ? this.#pieceBytes : minBlockBytes - over);
      const whole = length - (length % minBlockBytes);
      const piece = into.subarray(at - offsetBytes, at - offsetBytes + (over === 0 && whole > 0 ? whole : length));
      pieces.push(over === 0 && whole > 0 ? this.#read(at, piece) : this.#readWithin(at, piece));
      at += piece.length;
    }
    // nobody's memory is written to any more once this is over
    const ends = await Promise.allSettled(pieces);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  /** A part of a block that the server gives only whole. */
  async #readWithin(offsetBytes: number, into: Uint8Array): Promise<void> {
    const { lengthBytes, minBlockBytes } = this.#agreed;
    const over = offsetBytes % minBlockBytes;
    // a disk that does not end with a block breaks the protocol, and is read as far as it goes
    const block = Buffer.allocUnsafeSlow(Math.min(minBlockBytes, lengthBytes - (offsetBytes - over)));
    await this.#read(offsetBytes - over, block);
    into.set(block.subarray(over, over + into.length));
  }

  #read(offsetBytes: number, into: Uint8Array): Promise<void> {
    return this.#ask(COMMAND.READ, offsetBytes, into.length, (ends): AskedRead => ({ kind: 'read', into, ...ends }));
  }

  async *#status(
    context: string,
    startBytes: number,
    lengthBytes: number,
    signal: AbortSignal,
  ): AsyncGenerator<StatusRun[]> {
    const number = this.#agreed.contexts.get(context);
    if (number === undefined) throw new EngineError('FORMAT_UNSUPPORTED', { path: this.#place, feature: context });
    const { minBlockBytes, lengthBytes: diskBytes } = this.#agreed;
    checkSpan('range', startBytes, lengthBytes, diskBytes);
    const endBytes = startBytes + lengthBytes;
    for (let at = startBytes; at < endBytes;) {
      signal.throwIfAborted();
      const from = at - (at % minBlockBytes);
      const to = Math.min(diskBytes, Math.ceil(endBytes / minBlockBytes) * minBlockBytes);
      const runs = new Map<number, StatusRun[]>();
      await this.#ask(COMMAND.BLOCK_STATUS, from, Math.min(STATUS_BYTES, to - from), (ends): AskedStatus => ({
        kind: 'status',
        runs,
        ...ends,
      }));
      const told = (runs.get(number) ?? [])
        .map((run) => within(run, at, endBytes))
        .filter((run) => run.lengthBytes > 0);
      const last = told.at(-1);
      if (!last) {
        this.#wire.end(new Error('a status without the context that was agreed upon'));
        throw this.#lost!;
      }
      yield told;
      at = last.startBytes + last.lengthBytes;
    }
  }

  async *#dataRuns(startBytes: number, lengthBytes: number, signal: AbortSignal): AsyncGenerator<Extent[]> {
    for await (const runs of this.#status(ALLOCATION, startBytes, lengthBytes, signal)) {
      const data: { startBytes: number; lengthBytes: number }[] = [];
      for (const run of runs) {
        if ((run.flags & ZERO) !== 0) continue;
        const last = data.at(-1);
        if (last && last.startBytes + last.lengthBytes === run.startBytes) last.lengthBytes += run.lengthBytes;
        else data.push({ startBytes: run.startBytes, lengthBytes: run.lengthBytes });
      }
      yield data;
    }
  }

  async #ask(
    command: number,
    offsetBytes: number,
    lengthBytes: number,
    make: (ends: Omit<AskedRead, 'kind' | 'into'>) => AskedRead | AskedStatus,
  ): Promise<void> {
    while (this.#replies.count >= MAX_IN_FLIGHT && !this.#lost) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#lost) throw this.#lost;
    const cookie = ++this.#cookie;
    const head = Buffer.alloc(request.size);
    request.write(head, { magic: REQUEST_MAGIC, command, cookie, offset: BigInt(offsetBytes), lengthBytes });
    await new Promise<void>((resolve, reject) => {
      const settle = (error: number) => {
        this.#waiting.shift()?.();
        if (error === 0) resolve();
        else reject(this.#failure(error, offsetBytes));
      };
      this.#replies.expect(cookie, make({ offsetBytes, lengthBytes, settle, fail: reject }));
      this.#askedAt = performance.now();
      this.#listenFor();
      this.#wire.send(head);
    });
  }

  #failure(error: number, offsetBytes: number): EngineError {
    const reason = NAMES.get(error) ?? String(error);
    if (error === ERROR.ESHUTDOWN) return new EngineError('DISK_SERVER_LOST', { place: this.#place, said: reason });
    return new EngineError('READ_FAILED', { path: this.#place, offsetBytes, reason });
  }

  /** Whoever has something to answer and says nothing is dead. */
  #listenFor(): void {
    if (this.#watch) return;
    const look = () => {
      this.#watch = null;
      if (this.#replies.count === 0 || this.#lost) return;
      const left = Math.max(this.#askedAt, this.#wire.heardAt) + this.#silenceMs - performance.now();
      if (left > 0) this.#watch = setTimeout(look, left);
      else this.#wire.end(new Error(`no answer within ${this.#silenceMs / 1000} s`));
    };
    this.#watch = setTimeout(look, this.#silenceMs);
  }
}

const NAMES = new Map<number, string>(Object.entries(ERROR).map(([name, number]) => [number, name]));

function within({ startBytes, lengthBytes, flags }: StatusRun, from: number, to: number): StatusRun {
  const start = Math.max(startBytes, from);
  return { startBytes: start, lengthBytes: Math.min(startBytes + lengthBytes, to) - start, flags };
}

/** The system's word for it, where there is one. */
const saidBy = (error: Error) => (error as NodeJS.ErrnoException).code ?? error.message;
