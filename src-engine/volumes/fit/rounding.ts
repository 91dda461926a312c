export const MIB = 1024 * 1024;

/** Of negative numbers too: to the next multiple that is not less. */
export const roundUp = (bytes: number, unitBytes: number): number => Math.ceil(bytes / unitBytes) * unitBytes || 0;
export const roundDown = (bytes: number, unitBytes: number): number => Math.floor(bytes / unitBytes) * unitBytes;
