/** Tables that lie in bad sectors: a source that a capture goes on over says of them that what lies there is damaged. */
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';

/**
 * @returns null where the bytes are damaged, as the source says
 * @throws EngineError `READ_FAILED` where the source gives up at what it cannot read
 */
export async function readableBytes(
  source: BlockSource,
  offsetBytes: number,
  lengthBytes: number,
): Promise<Buffer | null> {
  try {
    return await readBytes(source, offsetBytes, lengthBytes);
  } catch (error) {
    if (error instanceof EngineError && error.code === 'FORMAT_INVALID') return null;
    throw error;
  }
}
