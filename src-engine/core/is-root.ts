/** Whether this process has root's rights. */
export const isRoot = (): boolean => process.geteuid?.() === 0;
