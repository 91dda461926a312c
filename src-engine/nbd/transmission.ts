/** Requests of a client that has come to terms, a few at a time. Whatever they ask for, no more than a few pieces of a disk are in memory. */
import type { NbdExport } from './export.port.ts';
import { ALLOCATION_ID, type Terms } from './handshake.ts';
import { PeerGone, type Peer } from './peer.ts';
import {
  CHUNK,
  chunkHead,
  COMMAND,
  COMMAND_FLAG,
  ERROR,
  HOLE_AND_ZERO,
  REQUEST_MAGIC,
  request,
  simpleHead,
  u16,
  u32,
  u64,
} from './protocol.ts';
import { runsOf, type Run } from './runs.ts';

/** More are read from the connection when one of these is answered: so many, and so much memory that they hold. */
const MAX_IN_FLIGHT = 16;
const MAX_HELD_BYTES = 4 * 1024 * 1024;
/** A read is answered in pieces of so much. */
const PIECE_BYTES = 1024 * 1024;
const SMALL_BYTES = 64 * 1024;
const MAX_REQUEST_BYTES = 32 * 1024 * 1024;
/** Holes in an answer: where there are more, it is sent as if there were none. */
const MAX_READ_RUNS = 64;
const MAX_STATUS_RUNS = 2048;
/** So far a question for holes is looked into; the client asks again for the rest. */
const MAX_STATUS_BYTES = 1024 * 1024 * 1024;

interface Request {
  readonly flags: number;
  readonly command: number;
  readonly cookie: bigint;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** Resolves when the client takes its leave. @throws PeerGone where it left without, or sent what is not the protocol */
export async function transmit(peer: Peer, exported: NbdExport, terms: Terms, signal: AbortSignal): Promise<void> {
  const inFlight = new Set<Promise<void>>();
  const answers = new Answers(peer, exported, terms, signal);
  let failure: unknown = null;
  let heldBytes = 0;
  try {
    while (failure === null) {
      while (inFlight.size >= MAX_IN_FLIGHT || heldBytes >= MAX_HELD_BYTES) await Promise.race(inFlight);
      const { magic, offset, ...rest } = request.read(await peer.read(request.size));
      if (magic !== REQUEST_MAGIC) throw new PeerGone();
      if (rest.command === COMMAND.DISC) break;
      if (rest.command === COMMAND.WRITE) {
        if (rest.lengthBytes > MAX_REQUEST_BYTES) throw new PeerGone();
        await peer.skip(rest.lengthBytes);
      }
      // what is beyond all numbers is beyond the disk
      const offsetBytes = Number(offset);
      const ownBytes = Math.min(rest.lengthBytes, PIECE_BYTES);
      heldBytes += ownBytes;
      const answer: Promise<void> = answers
        .to({ ...rest, offsetBytes })
        .catch((error: unknown) => {
          failure ??= error;
          // whoever waits for its next request is not kept waiting
          peer.destroy();
        })
        .finally(() => {
          inFlight.delete(answer);
          heldBytes -= ownBytes;
        });
      inFlight.add(answer);
    }
  } finally {
    await Promise.all(inFlight);
  }
  if (failure !== null) throw failure;
}

class Answers {
  readonly #peer: Peer;
  readonly #export: NbdExport;
  readonly #terms: Terms;
  readonly #signal: AbortSignal;

  constructor(peer: Peer, exported: NbdExport, terms: Terms, signal: AbortSignal) {
    this.#peer = peer;
    this.#export = exported;
    this.#terms = terms;
    this.#signal = signal;
  }

  to(asked: Request): Promise<void> {
    const { command, flags, offsetBytes, lengthBytes, cookie } = asked;
    const { lengthBytes: diskBytes } = this.#export.source;
    const isInside = lengthBytes > 0 && offsetBytes <= diskBytes && lengthBytes <= diskBytes - offsetBytes;
    switch (command) {
      case COMMAND.READ:
        if ((flags & ~COMMAND_FLAG.DF) !== 0 || !isInside) return this.#refuse(cookie, ERROR.EINVAL);
        if (lengthBytes > MAX_REQUEST_BYTES) return this.#refuse(cookie, ERROR.EOVERFLOW);
        if (!this.#terms.isStructured) return this.#readSimple(asked);
        // of a few blocks, holes are not worth the question
        if (asked.lengthBytes <= SMALL_BYTES || (flags & COMMAND_FLAG.DF) !== 0) return this.#readWhole(asked);
        return this.#readInChunks(asked);
      case COMMAND.BLOCK_STATUS:
        if (!this.#terms.tellsAllocation || (flags & ~COMMAND_FLAG.REQ_ONE) !== 0 || !isInside) {
          return this.#refuse(cookie, ERROR.EINVAL);
        }
        return this.#status(asked);
      case COMMAND.CACHE:
        return isInside ? this.#done(cookie) : this.#refuse(cookie, ERROR.EINVAL);
      case COMMAND.FLUSH:
        return this.#done(cookie);
      case COMMAND.WRITE:
      case COMMAND.TRIM:
      case COMMAND.WRITE_ZEROES:
        return this.#refuse(cookie, ERROR.EPERM);
      default:
        return this.#refuse(cookie, ERROR.EINVAL);
    }
  }

  #done(cookie: bigint): Promise<void> {
    const { isStructured } = this.#terms;
    return this.#peer.send((write) =>
      write(isStructured ? chunkHead(cookie, CHUNK.NONE, 0, true) : simpleHead(cookie, 0)),
    );
  }

  #refuse(cookie: bigint, error: number): Promise<void> {
    const { isStructured } = this.#terms;
    return this.#peer.send((write) =>
      isStructured
        ? write(chunkHead(cookie, CHUNK.ERROR, 6, true), u32(error), u16(0))
        : write(simpleHead(cookie, error)),
    );
  }

  /** @returns null where it cannot be read: that is told */
  async #piece(offsetBytes: number, lengthBytes: number): Promise<Buffer | null> {
    const bytes = Buffer.allocUnsafeSlow(lengthBytes);
    try {
      await this.#export.source.readInto(offsetBytes, bytes);
      return bytes;
    } catch (error) {
      this.#export.failed?.(error);
      return null;
    }
  }

  async #readSimple({ cookie, offsetBytes, lengthBytes }: Request): Promise<void> {
    const first = await this.#piece(offsetBytes, Math.min(PIECE_BYTES, lengthBytes));
    if (!first) return this.#refuse(cookie, ERROR.EIO);
    return this.#peer.send(async (write) => {
      await write(simpleHead(cookie, 0), first);
      for (let done = first.length; done < lengthBytes;) {
        const piece = await this.#piece(offsetBytes + done, Math.min(PIECE_BYTES, lengthBytes - done));
        // that all is well has been said: a broken connection is the only way to take it back
        if (!piece) throw new PeerGone();
        await write(piece);
        done += piece.length;
      }
    });
  }

  /** As one chunk, which a client may ask for where it is short. */
  async #readWhole({ cookie, offsetBytes, lengthBytes }: Request): Promise<void> {
    if (lengthBytes > PIECE_BYTES) return this.#refuse(cookie, ERROR.EOVERFLOW);
    const piece = await this.#piece(offsetBytes, lengthBytes);
    if (!piece) return this.#refuse(cookie, ERROR.EIO);
    return this.#sendData(cookie, offsetBytes, piece, true);
  }

  async #readInChunks({ cookie, offsetBytes, lengthBytes }: Request): Promise<void> {
    const endBytes = offsetBytes + lengthBytes;
    const runs = await this.#runs(offsetBytes, lengthBytes, MAX_READ_RUNS);
    if (!runs) return this.#refuse(cookie, ERROR.EIO);
    const last = runs.at(-1)!;
    const isCovered = last.startBytes + last.lengthBytes === endBytes;
    const all = isCovered ? runs : [{ startBytes: offsetBytes, lengthBytes, isHole: false }];
    for (const { startBytes, lengthBytes: runBytes, isHole } of all) {
      const runEnd = startBytes + runBytes;
      if (isHole) {
        const head = chunkHead(cookie, CHUNK.OFFSET_HOLE, 12, runEnd === endBytes);
        await this.#peer.send((write) => write(head, u64(startBytes), u32(runBytes)));
        continue;
      }
      for (let at = startBytes; at < runEnd; at += PIECE_BYTES) {
        const piece = await this.#piece(at, Math.min(PIECE_BYTES, runEnd - at));
        if (!piece) return this.#refuse(cookie, ERROR.EIO);
        await this.#sendData(cookie, at, piece, at + piece.length === endBytes);
      }
    }
  }

  #sendData(cookie: bigint, offsetBytes: number, piece: Buffer, isLast: boolean): Promise<void> {
    const head = chunkHead(cookie, CHUNK.OFFSET_DATA, 8 + piece.length, isLast);
    return this.#peer.send((write) => write(head, u64(offsetBytes), piece));
  }

  async #status({ cookie, flags, offsetBytes, lengthBytes }: Request): Promise<void> {
    const maxRuns = (flags & COMMAND_FLAG.REQ_ONE) !== 0 ? 1 : MAX_STATUS_RUNS;
    const runs = await this.#runs(offsetBytes, Math.min(lengthBytes, MAX_STATUS_BYTES), maxRuns);
    if (!runs) return this.#refuse(cookie, ERROR.EIO);
    const told = runs.flatMap((run) => [u32(run.lengthBytes), u32(run.isHole ? HOLE_AND_ZERO : 0)]);
    const payload = Buffer.concat([u32(ALLOCATION_ID), ...told]);
    const head = chunkHead(cookie, CHUNK.BLOCK_STATUS, payload.length, true);
    return this.#peer.send((write) => write(head, payload));
  }

  async #runs(startBytes: number, lengthBytes: number, maxRuns: number): Promise<Run[] | null> {
    try {
      return await runsOf(this.#export.source, startBytes, lengthBytes, maxRuns, this.#signal);
    } catch (error) {
      this.#export.failed?.(error);
      return null;
    }
  }
}
