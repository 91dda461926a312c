/** What a guest writes on its serial console: however much that is, so much is kept; whatever it is, it becomes text. */
import { StringDecoder } from 'node:string_decoder';

const MAX_HEAD_CHARACTERS = 256 * 1024;
const MAX_TAIL_CHARACTERS = 768 * 1024;
/** Signs are looked for in the end: more than is written between two looks. */
const RECENT_CHARACTERS = 128 * 1024;

/** Sequences that move the cursor, colour and clear: ECMA-48 (CSI, OSC and the short ones). */

const ESCAPES = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]{0,1000}(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]/g;

export class ConsoleLog {
  readonly #decoder = new StringDecoder('utf8');
  #head = '';
  #tail = '';
  #leftOut = 0;
  #recent = '';
  #recentAt = 0;
  /** characters that came since the start */
  count = 0;

  add(bytes: Buffer): void {
    const text = this.#decoder.write(bytes);
    this.count += text.length;
    const room = MAX_HEAD_CHARACTERS - this.#head.length;
    this.#head += text.slice(0, room);
    this.#tail += text.slice(room);
    // cut seldom: a guest may write a character at a time
    const excess = this.#tail.length - MAX_TAIL_CHARACTERS;
    if (excess < MAX_TAIL_CHARACTERS / 4) return;
    this.#leftOut += excess;
    this.#tail = this.#tail.slice(excess);
  }

  /** The end of it, as plain lines. */
  recent(): string {
    if (this.#recentAt === this.count) return this.#recent;
    this.#recentAt = this.count;
    const end = this.#tail.length >= RECENT_CHARACTERS ? this.#tail : this.#head + this.#tail;
    return (this.#recent = plainText(end.slice(-RECENT_CHARACTERS)));
  }

  /** All that was kept, as plain lines. */
  text(): string {
    const gap = this.#leftOut > 0 ? `\n[… ${this.#leftOut} …]\n` : '';
    return plainText(this.#head + gap + this.#tail);
  }
}

/** Text without anything that a terminal would obey. */
export function plainText(text: string): string {
  return text
    .replace(ESCAPES, '')
    .replace(/\r+\n?|\n\r?/g, '\n')

    .replace(/[^\n]\x08/g, '')
    .replace(/[^\P{C}\n\t]/gu, '');
}
