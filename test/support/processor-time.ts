/** How long work takes by the processor's clock: a busy machine makes it wait, and not longer. */

/** @returns milliseconds of processor time that this process has used since this was called, each time it is asked */
export function processorTimer(): () => number {
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
}

/** By the clock on the wall: what has not ended by then hangs, however busy the machine is. */
export const HANG_MS = 120_000;
