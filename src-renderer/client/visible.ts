/** Text from inside an image, for reading: what would hide or act is made visible. Pure. */

/** Control characters, and marks that have no shape of their own or turn the direction of what follows. */
const HIDDEN = /[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/**
 * Text as it is, with what cannot be seen made visible, as its number: ⟨1B⟩.
 * @param keeps characters that stay as they are: line ends and tabs in a text, none in a name
 */
export function visible(text: string, keeps = ''): string {
  return text.replace(HIDDEN, (character) =>
    keeps.includes(character) ? character : `⟨${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}⟩`,
  );
}

/** A text for reading: lines end as they do elsewhere. */
export const readable = (text: string): string => visible(text.replaceAll('\r\n', '\n'), '\n\t');
