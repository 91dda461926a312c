/** The other end of a connection: bytes are asked for and written one after the other, and never more is kept than was asked for. */
import type { Socket } from 'node:net';

/** How long a client may take for the last of what was said to it. */
const LAST_WORDS_MS = 5_000;

/** The connection is over: the client left, or the server has no more to say to it. */
export class PeerGone extends Error {}

export class Peer {
  readonly #socket: Socket;
  #isOver = false;
  #wake: () => void = () => {};
  #last: Promise<void> = Promise.resolve();

  constructor(socket: Socket) {
    this.#socket = socket;
    const wake = () => this.#wake();
    const end = () => {
      this.#isOver = true;
      wake();
    };
    socket.on('readable', wake).on('end', end).on('close', end).on('error', end);
  }

  /** @throws PeerGone where the connection ends before */
  async read(lengthBytes: number): Promise<Buffer> {
    if (lengthBytes === 0) return Buffer.alloc(0);
    for (;;) {
      const bytes = this.#socket.read(lengthBytes) as Buffer | null;
      if (bytes?.length === lengthBytes) return bytes;
      if (bytes || this.#isOver) throw new PeerGone();
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Reads and forgets. @throws PeerGone */
  async skip(lengthBytes: number): Promise<void> {
    for (let left = lengthBytes; left > 0;) {
      const ready = Math.min(left, Math.max(1, this.#socket.readableLength));
      left -= (await this.read(ready)).length;
    }
  }

  /**
   * Writes what `make` writes by `write`, with nothing of anybody else's between. Waits until the client takes it: who does not read holds
   * up themselves.
   * @throws PeerGone
   */
  send(make: (write: (...pieces: Buffer[]) => Promise<void>) => Promise<void>): Promise<void> {
    const own = this.#last.then(() => make((...pieces) => this.#write(pieces)));
    this.#last = own.catch(() => {});
    return own;
  }

  /** What was written still arrives. */
  end(): void {
    this.#socket.end();
    // a client that does not take it is not waited for
    this.#socket.setTimeout(LAST_WORDS_MS, () => this.#socket.destroy());
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #write(pieces: readonly Buffer[]): Promise<void> {
    if (this.#socket.destroyed || !this.#socket.writable) throw new PeerGone();
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece);
    this.#socket.uncork();
    if (!this.#socket.writableNeedDrain) return;
    await new Promise<void>((resolve, reject) => {
      const settle = (isGone: boolean) => {
        this.#socket.off('drain', drained).off('close', gone);
        if (isGone) reject(new PeerGone());
        else resolve();
      };
      const drained = () => settle(false);
      const gone = () => settle(true);
      this.#socket.on('drain', drained).on('close', gone);
    });
  }
}
