/** VMware's text files of keys and values: .vmx, .vmsd, .vmls, preferences. */
import { EngineError } from '../../core/engine-error.ts';
import { decodeNamed } from '../../core/named-encoding.ts';
import { readNamedFile } from '../../core/read-named-file.ts';

/** The largest that are seen have some dozens of KiB; encrypted ones some more. */
const MAX_BYTES = 4 * 1024 * 1024;
const MAX_LINES = 50_000;

/** By keys in lower case: VMware takes them in any. The last of several counts. */
export type VmwareDictionary = ReadonlyMap<string, string>;

/** @throws EngineError as {@link readNamedFile}, {@link parseDictionary} */
export async function readDictionary(path: string): Promise<VmwareDictionary> {
  return parseDictionary(await readNamedFile(path, MAX_BYTES), path);
}

/**
 * Lines of `key = "value"`, with comments between them.
 * @param path for the error
 * @throws EngineError `FORMAT_INVALID` (path, field, value) for a line that is none of it: a file of something else
 */
export function parseDictionary(bytes: Buffer, path: string): VmwareDictionary {
  const text = decodeNamed(bytes, /^\uFEFF?\s*\.encoding *= *"?([\w.:-]{1,40})/im);
  const entries = new Map<string, string>();
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/);
  if (lines.length > MAX_LINES)
    throw new EngineError('FORMAT_INVALID', { path, field: 'lines', value: `${lines.length}`, max: MAX_LINES });
  for (const [i, line] of lines.entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const [, key, quoted, bare] = /^([^\s=#"]{1,200})\s*=\s*(?:"(.*)"\s*(?:#[^"]*)?|"?([^"]*))$/.exec(trimmed) ?? [];
    if (key === undefined)
      throw new EngineError('FORMAT_INVALID', { path, field: `line ${i + 1}`, value: trimmed.slice(0, 100) });
    entries.set(key.toLowerCase(), unescaped(quoted ?? bare));
  }
  return entries;
}

/** A quotation mark is `|22`, a bar is `|7C`: two hexadecimal digits of what cannot stand there itself. */
function unescaped(value: string): string {
  return value.replace(/\|([\da-f]{2})/gi, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)));
}

export const isTrue = (value: string | undefined) => /^(true|yes|on|1)$/i.test(value ?? '');
