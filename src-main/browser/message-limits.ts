/** What a peer may send, decided on its bytes: before anything is parsed, and before anything is passed on. */

/** Requests are small; a larger one ends the connection (ws closes with 1009). */
export const MAX_MESSAGE_BYTES = 1024 * 1024;
/** Requests nest five deep. Copying what is nested without a limit would exhaust a thread's stack. */
export const MAX_NESTING = 32;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/** Whether the brackets of a JSON text nest deeper than that. A text that is no JSON has some answer too. */
export function nestsDeeperThan(json: Buffer, limit: number): boolean {
  let depth = 0;
  let isInText = false;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (isInText) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) isInText = false;
    } else if (byte === QUOTE) isInText = true;
    else if (OPENING.has(byte)) {
      if (++depth > limit) return true;
    } else if (CLOSING.has(byte)) depth--;
  }
  return false;
}

/** So much at once, and so much in each second after that: a bucket that runs full again by itself. */
export interface Rate {
  readonly atOnce: number;
  readonly perSecond: number;
}

/** @returns a function that takes an amount, and says whether it was there */
export function allowance({ atOnce, perSecond }: Rate, now: () => number = () => performance.now()) {
  let left = atOnce;
  let at = now();
  return (amount: number): boolean => {
    const time = now();
    left = Math.min(atOnce, left + ((time - at) / 1000) * perSecond);
    at = time;
    if (amount > left) return false;
    left -= amount;
    return true;
  };
}
