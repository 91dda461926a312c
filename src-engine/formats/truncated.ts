/** Files that end before what they refer to. */
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';

/** No file is longer: 128 TiB. Places beyond that are lies, not a part that is missing. */
const MAX_FILE_BYTES = 2 ** 47;

/** @param neededBytes how long the file has to be, at least */
export function truncated(file: BlockSource, neededBytes: number): EngineError {
  return new EngineError('FILE_TRUNCATED', {
    field: 'length',
    endBytes: file.lengthBytes,
    missingBytes: neededBytes - file.lengthBytes,
  });
}

/**
 * @param what name of the field that says where, as the format's specification calls it
 * @returns whether [offset, offset + length) is in the file as far as it goes
 * @throws EngineError `FORMAT_INVALID` where these are no numbers for a file
 */
export function isInFile(what: string, file: BlockSource, offsetBytes: number, lengthBytes: number): boolean {
  const endBytes = offsetBytes + lengthBytes;
  // in this way round, NaN is refused as well
  if (!(offsetBytes >= 0 && lengthBytes >= 0 && endBytes <= MAX_FILE_BYTES)) {
    throw new EngineError('FORMAT_INVALID', { field: what, value: String(offsetBytes), min: 0, max: MAX_FILE_BYTES });
  }
  return endBytes <= file.lengthBytes;
}

/** @throws EngineError `FILE_TRUNCATED` where the file ends before [offset, offset + length) does; `FORMAT_INVALID`: see {@link isInFile} */
export function checkInFile(what: string, file: BlockSource, offsetBytes: number, lengthBytes: number): void {
  if (!isInFile(what, file, offsetBytes, lengthBytes)) throw truncated(file, offsetBytes + lengthBytes);
}
