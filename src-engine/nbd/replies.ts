/** What a server answers, taken apart while it arrives: data lands where it was asked for, and everything else is counted against that. */
import {
  CHUNK,
  CHUNK_DONE,
  CHUNK_FAILS,
  ERROR,
  SIMPLE_REPLY_MAGIC,
  simpleReply,
  STRUCTURED_REPLY_MAGIC,
  structuredReply,
} from './protocol.ts';
import type { Wire } from './wire.ts';

/** A run of what a metadata context says; what the flags mean is the context's. */
export interface StatusRun {
  readonly startBytes: number;
  readonly lengthBytes: number;
  readonly flags: number;
}

interface Asked {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** @param error of the protocol; 0 for none */
  settle(error: number): void;
  fail(reason: Error): void;
}

export interface AskedRead extends Asked {
  readonly kind: 'read';
  readonly into: Uint8Array;
}

export interface AskedStatus extends Asked {
  readonly kind: 'status';
  /** by the server's numbers of the contexts */
  readonly runs: Map<number, StatusRun[]>;
}

/** Pieces of an answer out of order are remembered one by one, and no honest server has so many. */
const MAX_PIECES = 4096;
/** What a server may tell of a failure, and how often in one answer. */
const MAX_ERROR_BYTES = 8 * 1024;
const MAX_ERRORS = 16;
/** As many runs as nbdkit tells at most. */
const MAX_RUNS = 1024 * 1024;

interface Pending {
  readonly asked: AskedRead | AskedStatus;
  readonly answered: Covered;
  error: number;
  errors: number;
}

/** The server broke the protocol: nothing more of what it says can be believed. */
class ProtocolError extends Error {}

export class Replies {
  readonly #wire: Wire;
  readonly #isStructured: boolean;
  readonly #pending = new Map<bigint, Pending>();
  readonly #head = Buffer.alloc(structuredReply.size);

  constructor(wire: Wire, isStructured: boolean) {
    this.#wire = wire;
    this.#isStructured = isStructured;
  }

  get count(): number {
    return this.#pending.size;
  }

  expect(cookie: bigint, asked: AskedRead | AskedStatus): void {
    this.#pending.set(cookie, { asked, answered: new Covered(), error: 0, errors: 0 });
  }

  /** To be called once, when there is something to expect. */
  listen(): void {
    this.#guarded(() => this.#reply());
  }

  /** Whatever is still expected will not come. */
  fail(reason: Error): void {
    const left = [...this.#pending.values()];
    this.#pending.clear();
    for (const { asked } of left) asked.fail(reason);
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#wire.end(error as Error);
    }
  }

  #want(into: Uint8Array, then: () => void): void {
    if (into.length === 0) return then();
    this.#wire.want(into, () => this.#guarded(then));
  }

  #reply(): void {
    const head = this.#head.subarray(0, simpleReply.size);
    this.#want(head, () => {
      const { magic, error, cookie } = simpleReply.read(head);
      if (magic === SIMPLE_REPLY_MAGIC) return this.#simple(cookie, error);
      if (magic !== STRUCTURED_REPLY_MAGIC || !this.#isStructured) throw new ProtocolError('a reply of no known kind');
      this.#want(this.#head.subarray(simpleReply.size), () => this.#chunk());
    });
  }

  #of(cookie: bigint): Pending {
    const pending = this.#pending.get(cookie);
    if (!pending) throw new ProtocolError('an answer to what was not asked');
    return pending;
  }

  #done(cookie: bigint, { asked, answered, error }: Pending): void {
    const isWhole = asked.kind === 'status' || answered.lengthBytes === asked.lengthBytes;
    if (error === 0 && !isWhole) throw new ProtocolError('an answer that is too short');
    this.#pending.delete(cookie);
    asked.settle(error);
    this.#reply();
  }

  #simple(cookie: bigint, error: number): void {
    const pending = this.#of(cookie);
    const { asked, answered } = pending;
    if (error !== 0) return this.#done(cookie, { ...pending, error });
    // with structured replies agreed upon, neither may be answered like this
    if (asked.kind !== 'read' || this.#isStructured) throw new ProtocolError('a reply of the wrong kind');
    this.#want(asked.into, () => {
      answered.add(0, asked.lengthBytes);
      this.#done(cookie, pending);
    });
  }

  #chunk(): void {
    const { flags, type, cookie, lengthBytes } = structuredReply.read(this.#head);
    const pending = this.#of(cookie);
    const { asked } = pending;
    const isLast = (flags & CHUNK_DONE) !== 0;
    const next = () => (isLast ? this.#done(cookie, pending) : this.#reply());
    if ((type & CHUNK_FAILS) !== 0) return this.#failure(pending, lengthBytes, next);
    if (type === CHUNK.NONE && lengthBytes === 0 && isLast) return next();
    if (type === CHUNK.OFFSET_DATA && asked.kind === 'read' && lengthBytes > 8) {
      return this.#piece(pending, asked, 8, lengthBytes - 8, (piece) => this.#want(piece, next));
    }
    if (type === CHUNK.OFFSET_HOLE && asked.kind === 'read' && lengthBytes === 12) {
      return this.#piece(pending, asked, 12, null, (piece) => {
        piece.fill(0);
        next();
      });
    }
    if (type === CHUNK.BLOCK_STATUS && asked.kind === 'status') return this.#status(asked, lengthBytes, next);
    throw new ProtocolError(`a chunk of type ${type} and ${lengthBytes} bytes`);
  }

  #failure(pending: Pending, lengthBytes: number, next: () => void): void {
    pending.errors++;
    if (lengthBytes < 6 || lengthBytes > MAX_ERROR_BYTES || pending.errors > MAX_ERRORS) {
      throw new ProtocolError('an error without an end');
    }
    const said = Buffer.alloc(lengthBytes);
    this.#want(said, () => {
      pending.error ||= said.readUInt32BE() || ERROR.EIO;
      next();
    });
  }

  /** @param said how long it is; null: that stands behind its offset */
  #piece(
    { answered }: Pending,
    { offsetBytes, lengthBytes, into }: AskedRead,
    headBytes: number,
    said: number | null,
    then: (piece: Uint8Array) => void,
  ): void {
    const head = Buffer.alloc(headBytes);
    this.#want(head, () => {
      const start = Number(head.readBigUInt64BE()) - offsetBytes;
      const length = said ?? head.readUInt32BE(8);
      if (start < 0 || length === 0 || start + length > lengthBytes)
        throw new ProtocolError('data that was not asked for');
      answered.add(start, length);
      then(into.subarray(start, start + length));
    });
  }

  #status(asked: AskedStatus, lengthBytes: number, next: () => void): void {
    const count = (lengthBytes - 4) / 8;
    if (!Number.isInteger(count) || count < 1 || count > MAX_RUNS)
      throw new ProtocolError(`a status of ${lengthBytes} bytes`);
    const told = Buffer.allocUnsafeSlow(lengthBytes);
    this.#want(told, () => {
      const context = told.readUInt32BE();
      if (asked.runs.has(context)) throw new ProtocolError('a status that was told already');
      const runs: StatusRun[] = [];
      let left = asked.lengthBytes;
      for (let i = 0; i < count; i++) {
        const run = told.readUInt32BE(4 + 8 * i);
        if (run === 0 || left === 0) throw new ProtocolError('a run of no length');
        // the last one may go on behind what was asked for
        const length = Math.min(run, left);
        const startBytes = asked.offsetBytes + asked.lengthBytes - left;
        runs.push({ startBytes, lengthBytes: length, flags: told.readUInt32BE(8 + 8 * i) });
        left -= length;
      }
      asked.runs.set(context, runs);
      next();
    });
  }
}

/** Which pieces of an answer have come, so that none comes twice and none is missing. */
class Covered {
  lengthBytes = 0;
  /** pairs (start, end), ascending, none touching the next */
  readonly #pieces: number[] = [];

  add(start: number, length: number): void {
    const end = start + length;
    const pieces = this.#pieces;
    // almost always the last
    let at = pieces.length;
    while (at > 0 && pieces[at - 2] >= end) at -= 2;
    if (at > 0 && pieces[at - 1] > start) throw new ProtocolError('data that came twice');
    const joinsBefore = at > 0 && pieces[at - 1] === start;
    const joinsAfter = at < pieces.length && pieces[at] === end;
    if (joinsBefore && joinsAfter) pieces.splice(at - 1, 2);
    else if (joinsBefore) pieces[at - 1] = end;
    else if (joinsAfter) pieces[at] = start;
    else pieces.splice(at, 0, start, end);
    if (pieces.length > 2 * MAX_PIECES) throw new ProtocolError('an answer in too many pieces');
    this.lengthBytes += length;
  }
}
