/**
 * The client's end of a connection. Whoever reads says at any time what comes next and where it is to lie: what is long is read by the
 * system straight to its place, what is short is read ahead and copied.
 */
import { Socket } from 'node:net';
import { LOOPBACK, type NbdPlace } from './export.port.ts';

const STAGING_BYTES = 16 * 1024;
/** A server that sends more than this unasked does not speak the protocol. */
const MAX_UNREAD_BYTES = 256 * 1024;
/** What is left of a piece and is longer than this lands where it belongs. */
const DIRECT_BYTES = 16 * 1024;

export class Wire {
  readonly #socket: Socket;
  #staging = Buffer.allocUnsafeSlow(STAGING_BYTES);
  #from = 0;
  #to = 0;
  #into: Uint8Array | null = null;
  #done = 0;
  #then: () => void = () => {};
  #isPumping = false;
  /** whether the system reads to where it is wanted, and not to what is staged */
  #isDirect = false;
  #reason: Error | null = null;
  #onEnd: (reason: Error) => void = () => {};
  /** by `performance.now` */
  heardAt = 0;

  constructor(place: NbdPlace) {
    const onread = {
      buffer: () => this.#next(),
      callback: (length: number) => {
        this.#landed(length);
        return true;
      },
    };
    this.#socket = new Socket({ onread })
      .on('error', (error) => this.end(error))
      .on('end', () => this.end(new Error('the connection was ended')))
      .on('close', () => this.end(new Error('the connection was closed')));
    if ('socketPath' in place) this.#socket.connect({ path: place.socketPath });
    else this.#socket.setNoDelay(true).connect({ host: LOOPBACK, port: place.port });
  }

  /** Is told once, why; whoever comes later is told at once. */
  set onEnd(tell: (reason: Error) => void) {
    this.#onEnd = tell;
    if (this.#reason) tell(this.#reason);
  }

  /** What comes next, and where it goes; never while something else is awaited. @param then is called as soon as it is there, and may want more */
  want(into: Uint8Array, then: () => void): void {
    this.#into = into;
    this.#done = 0;
    this.#then = then;
    this.#pump();
  }

  /** @throws Error as {@link end} was told */
  read(lengthBytes: number): Promise<Buffer> {
    const into = Buffer.alloc(lengthBytes);
    return new Promise((resolve, reject) => {
      this.onEnd = reject;
      if (!this.#reason) this.want(into, () => resolve(into));
    });
  }

  send(...pieces: readonly Buffer[]): void {
    if (this.#reason) return;
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece);
    this.#socket.uncork();
  }

  /** Nothing is written to anybody's memory after this. @param lastWord is still sent where that can be promised meanwhile */
  end(reason: Error, lastWord?: Buffer): void {
    if (this.#reason) return;
    this.#reason = reason;
    this.#into = null;
    if (lastWord && !this.#isDirect) this.#socket.unref().end(lastWord, () => this.#socket.destroy());
    else this.#socket.destroy();
    this.#onEnd(reason);
  }

  /** Where the system puts what it reads next. */
  #next(): Uint8Array {
    this.#isDirect = this.#into !== null && this.#into.length - this.#done > DIRECT_BYTES;
    if (this.#isDirect) return this.#into!.subarray(this.#done);
    if (this.#from === this.#to) this.#from = this.#to = 0;
    if (this.#to === this.#staging.length) this.#makeRoom();
    return this.#staging.subarray(this.#to);
  }

  /** Whoever wants what is staged has not said so yet. */
  #makeRoom(): void {
    const unread = this.#staging.subarray(this.#from, this.#to);
    if (unread.length > MAX_UNREAD_BYTES) this.end(new Error('more came than was asked for'));
    const kept = this.#reason ? 0 : unread.length;
    const larger = Buffer.allocUnsafeSlow(kept + STAGING_BYTES);
    larger.set(unread.subarray(0, kept));
    this.#staging = larger;
    this.#from = 0;
    this.#to = kept;
  }

  #landed(lengthBytes: number): void {
    this.heardAt = performance.now();
    if (this.#reason) return;
    if (this.#isDirect) this.#done += lengthBytes;
    else this.#to += lengthBytes;
    this.#pump();
  }

  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#into) {
      const length = Math.min(this.#to - this.#from, this.#into.length - this.#done);
      if (length > 0) this.#into.set(this.#staging.subarray(this.#from, this.#from + length), this.#done);
      this.#from += length;
      this.#done += length;
      if (this.#done < this.#into.length) break;
      this.#into = null;
      this.#then();
    }
    this.#isPumping = false;
  }
}
