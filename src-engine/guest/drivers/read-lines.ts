/** Long lists of a guest, line by line: lists of modules are longer than a text that is read at once. */
import { checkRange } from '../../core/bounds.ts';
import { piecesOf } from '../../core/random-bytes.ts';
import type { GuestFiles } from '../guest-files.ts';

const MAX_LIST_BYTES = 16 * 1024 * 1024;
/** What a module needs stands in its line: some are long, none so long. */
const MAX_LINE_CHARACTERS = 64 * 1024;

/** @returns false where it is not there or cannot be read */
export async function readLines(files: GuestFiles, path: string, take: (line: string) => void): Promise<boolean> {
  const isRead = await files.guarded(path, async () => {
    const content = await files.content(path);
    if (!content) return null;
    checkRange('length', content.lengthBytes, 0, MAX_LIST_BYTES);
    let rest = '';
    for await (const piece of piecesOf(content)) {
      const lines = (rest + piece.toString('latin1')).split('\n');
      rest = lines.pop()!;
      checkRange('line length', rest.length, 0, MAX_LINE_CHARACTERS);
      for (const line of lines) take(line);
    }
    if (rest !== '') take(rest);
    return true;
  });
  return isRead === true;
}
