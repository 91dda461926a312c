/** Names of files that an image asks for: only those of its own folder are ever opened. */
import { EngineError } from '../core/engine-error.ts';

const MAX_NAME_BYTES = 255;
/** Enough of a refused name to know which it was. */
const SHOWN_CHARACTERS = 200;

/**
 * Whether a name stays in the folder on every system: no separators, drive letters, URLs or `json:` (these have a colon), no `.`
 * and `..`, no control characters, and not too long for a file system.
 */
export function isSiblingName(name: string): boolean {
  return !/[/\\:\0-\x1f]/.test(name) && !['', '.', '..'].includes(name) && Buffer.byteLength(name) <= MAX_NAME_BYTES;
}

/** @throws EngineError `FORMAT_UNSUPPORTED`, with the name, unless {@link isSiblingName} */
export function checkSiblingName(name: string): string {
  if (isSiblingName(name)) return name;
  const shown = name.replace(/[\0-\x1f]/g, '\ufffd').slice(0, SHOWN_CHARACTERS);
  throw new EngineError('FORMAT_UNSUPPORTED', { feature: `a file outside the image's folder (${shown})`, path: shown });
}

/** Names in the same folder are also written as `.\name` and `./name`. @returns what is behind that */
export function withoutDot(name: string): string {
  return name.replace(/^\.[\\/]/, '');
}
