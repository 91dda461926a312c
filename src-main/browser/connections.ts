/**
 * How many connections there are. Anybody on this machine can connect: those who have not shown a session share a small number of
 * places, and the newest gets the place of the oldest, so that idle ones keep nobody out. Those who have shown one have places of
 * their own.
 */
import type { Socket } from 'node:net';

/** A browser opens six at once. */
export const MAX_STRANGERS = 128;
const MAX_SESSIONS = 64;

export class Connections {
  /** in the order in which they came */
  readonly #strangers = new Set<Socket>();
  readonly #entered = new Set<Socket>();

  /** A connection that was just made. */
  add(connection: Socket): void {
    // others listen too, but not at every moment of its life
    connection.on('error', () => {});
    connection.once('close', () => {
      this.#strangers.delete(connection);
      this.#entered.delete(connection);
    });
    this.#strangers.add(connection);
    if (this.#strangers.size <= MAX_STRANGERS) return;
    const [oldest] = this.#strangers;
    this.#strangers.delete(oldest);
    oldest.destroy();
  }

  /** Gives a connection a place among those who were let in. @returns whether there was one */
  enter(connection: Socket): boolean {
    if (this.#entered.size >= MAX_SESSIONS) return false;
    this.#strangers.delete(connection);
    this.#entered.add(connection);
    return true;
  }

  isStranger(connection: Socket): boolean {
    return !this.#entered.has(connection);
  }
}
