/** What texts were read as, kept as long as they are the same: files that a lab may change at any time, and that each of many plans reads. */
const MAX_KEPT = 64;

/**
 * @param read the same text always as the same value, which nobody changes
 * @returns a function that reads a text only where the last one of its key was another; what it throws is not kept
 */
export function keptReadings<T>(read: (text: string, key: string) => T): (text: string, key: string) => T {
  const kept = new Map<string, { readonly text: string; readonly value: T }>();
  return (text, key) => {
    const known = kept.get(key);
    kept.delete(key);
    const found = known?.text === text ? known : { text, value: read(text, key) };
    kept.set(key, found);
    if (kept.size > MAX_KEPT) kept.delete(kept.keys().next().value!);
    return found.value;
  };
}
