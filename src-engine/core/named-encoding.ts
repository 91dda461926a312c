/** Text that names its own encoding, as descriptions of disks and machines do that were written on Windows. */

/** Windows' code pages under the numbers that WHATWG's list of encodings does not have. */
const CODE_PAGES: Readonly<Record<string, string>> = { 932: 'shift_jis', 936: 'gbk', 949: 'euc-kr', 950: 'big5' };

/**
 * The text in the encoding that it names; where that is unknown or does not fit, in UTF-8; and where that does not fit either, one
 * character for each byte, by which a file whose name is these very bytes is found.
 * @param name finds the name of the encoding in its first group
 */
export function decodeNamed(bytes: Buffer, name: RegExp): string {
  const plain = bytes.toString('latin1');
  const named = name.exec(plain)?.[1].toLowerCase() ?? 'utf-8';
  const page = /^(?:windows|cp|ms|ibm)[-_]?(\d+)$/.exec(named)?.[1] ?? '';
  for (const label of [CODE_PAGES[page] ?? (page ? `windows-${page}` : named), 'utf-8']) {
    try {
      return new TextDecoder(label, { fatal: true }).decode(bytes);
    } catch {
      // unknown here, or something else than it says
    }
  }
  return plain;
}
