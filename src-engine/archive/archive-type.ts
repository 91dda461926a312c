/** Which kind of archive a file is, by its first bytes: names are never believed. */
import type { BlockSource } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';
import { isOldTarHeader } from './tar.ts';

/** As 7-Zip calls them (switch -t). */
export type ArchiveType = '7z' | 'zip' | 'tar' | 'gzip' | 'xz' | 'bzip2' | 'zstd';

/** Those that hold one stream without a name of its own to trust. */
const STREAMS: readonly ArchiveType[] = ['gzip', 'xz', 'bzip2', 'zstd'];
export const isStream = (type: ArchiveType) => STREAMS.includes(type);

const magic = (type: ArchiveType, hex: string, offsetBytes = 0) => ({
  type,
  bytes: Buffer.from(hex, 'hex'),
  offsetBytes,
});

/** Sources: 7-Zip, DOC/7zFormat.txt; APPNOTE.TXT 4.3.7 and 4.3.16; RFC 1952; xz-file-format 2.1.1.1; RFC 8878 3.1.1; POSIX ustar. */
const MAGICS = [
  magic('7z', '377abcaf271c'),
  magic('zip', '504b0304'),
  magic('zip', '504b0506'),
  magic('gzip', '1f8b08'),
  magic('xz', 'fd377a585a00'),
  magic('bzip2', '425a68'),
  magic('zstd', '28b52ffd'),
  magic('tar', '7573746172', 257),
];

/** @throws EngineError `READ_FAILED` */
export async function archiveTypeOf(file: BlockSource): Promise<ArchiveType | null> {
  const head = await readBytes(file, 0, Math.min(512, file.lengthBytes));
  const found = MAGICS.find(({ bytes, offsetBytes }) =>
    head.subarray(offsetBytes, offsetBytes + bytes.length).equals(bytes),
  );
  return found?.type ?? (isOldTarHeader(head) ? 'tar' : null);
}
