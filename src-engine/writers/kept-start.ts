/** The start of a file that is only added to: it is read where it lies, a piece at a time, and never held as a whole. */
import { sha256Of, type RandomBytes } from '../core/random-bytes.ts';

/** What stands in a file before it is added to, and stays there. */
export interface KeptStart extends RandomBytes {
  /** in hexadecimal digits */
  readonly sha256: string;
}

/** @throws EngineError `FORMAT_INVALID`, `READ_FAILED` */
export async function keptStart(content: RandomBytes): Promise<KeptStart> {
  const { lengthBytes } = content;
  const readInto: RandomBytes['readInto'] = (offsetBytes, into) => content.readInto(offsetBytes, into);
  return { lengthBytes, readInto, sha256: await sha256Of(content) };
}
