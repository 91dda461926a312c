/** The manifest of an OVA (.mf): checksums of its files. DMTF DSP0243, "Manifest file". */
export type SumKind = 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

export interface FileSum {
  readonly fileName: string;
  readonly kind: SumKind;
  /** hexadecimal digits, small */
  readonly sum: string;
}

export const MAX_SUMS_BYTES = 1024 * 1024;

/** Lines that are something else are left alone. */
export function parseSums(text: string): FileSum[] {
  const lines = text
    .split(/\r?\n/)
    .map((line) => /^\s*(SHA1|SHA224|SHA256|SHA384|SHA512)\s*\((.+)\)\s*=\s*([\da-f]+)\s*$/i.exec(line));
  return lines
    .filter((match) => match !== null)
    .map(([, kind, fileName, sum]) => ({ fileName, kind: kind.toLowerCase() as SumKind, sum: sum.toLowerCase() }));
}

/** @returns the line of a file; some programs write its name as the descriptor does, as a URL. null where there is none */
export function sumOfFile(sums: readonly FileSum[], name: string): FileSum | null {
  return (
    sums.find(({ fileName }) => fileName === name) ?? sums.find(({ fileName }) => unescaped(fileName) === name) ?? null
  );
}

function unescaped(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
