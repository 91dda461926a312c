/** Names of files that an image asks for: only those of its own folder are ever opened. */
import { EngineError } from '../core/engine-error.ts';

const MAX_NAME_BYTES = 255;
/** Enough of a refused name to know which it was. */
const SHOWN_CHARACTERS = 200;

/**
 * Refuses whatever could lead out of the folder on any system: separators, drive letters, URLs and `json:` (both have a colon),
 * `.` and `..`, control characters, and names that no file system takes.
 * @throws EngineError `FORMAT_UNSUPPORTED`
 */
export function checkSiblingName(name: string): string {
  const isPlain =
    !/[/\\:\0-\x1f]/.test(name) &&
    name !== '' &&
    name !== '.' &&
    name !== '..' &&
    Buffer.byteLength(name) <= MAX_NAME_BYTES;
  if (isPlain) return name;
  const shown = name.replace(/[\0-\x1f]/g, '�').slice(0, SHOWN_CHARACTERS);
  throw new EngineError('FORMAT_UNSUPPORTED', { feature: `a file outside the image's folder (${shown})`, path: shown });
}

/** Windows' formats write names in the same folder as `.\name`. @returns what is behind that */
export function withoutDot(name: string): string {
  return name.replace(/^\.[\\/]/, '');
}
