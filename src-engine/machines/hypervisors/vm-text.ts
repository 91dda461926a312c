/** What others wrote of a machine, as it is shown: short, and without control characters. */
const MAX_TEXT = 500;

/** @returns null for what is empty */
export function short(text: string | null | undefined): string | null {
  return (
    (text ?? '')
      .replace(/\p{Cc}+/gu, ' ')
      .trim()
      .slice(0, MAX_TEXT) || null
  );
}

/** @returns null for what is no whole number above zero */
export function countOf(text: string): number | null {
  return /^\d{1,15}$/.test(text) && Number(text) > 0 ? Number(text) : null;
}
