/** Small pieces on their way to a file: those that follow each other are written together. */
import type { OutputFile } from './image-writer.port.ts';

const BUFFER_BYTES = 1024 * 1024;

export class AppendBuffer {
  readonly #file: OutputFile;
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #startBytes = 0;
  #length = 0;

  constructor(file: OutputFile) {
    this.#file = file;
  }

  async write(offsetBytes: number, bytes: Uint8Array): Promise<void> {
    if (offsetBytes !== this.#startBytes + this.#length || this.#length + bytes.length > BUFFER_BYTES) {
      await this.flush();
      this.#startBytes = offsetBytes;
    }
    if (bytes.length > BUFFER_BYTES) return this.#file.write(offsetBytes, bytes);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  async flush(): Promise<void> {
    if (this.#length > 0) await this.#file.write(this.#startBytes, this.#buffer.subarray(0, this.#length));
    this.#startBytes += this.#length;
    this.#length = 0;
  }
}
