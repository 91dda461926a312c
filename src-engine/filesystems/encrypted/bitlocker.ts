/**
 * BitLocker of Windows Vista, of Windows 7 and later, and BitLocker To Go. Microsoft has published no format: libyal, "BitLocker
 * Drive Encryption (BDE) format specification", chapters 3 to 5; cryptsetup, lib/bitlk.
 */
import { guid, raw, struct, text, u16le, u32le, u64le, u8 } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import type { EncryptedVolume } from './encrypted.port.ts';

const SIGNATURE = '-FVE-FS-';
const BOOT_BYTES = 512;
const METADATA_BYTES_MAX = 64 * 1024;
const MAX_ENTRIES = 1000;

const bootStruct = struct(BOOT_BYTES, {
  signature: text(3, 8),
  sectorBytes: u16le(11),
  clusterSectors: u8(13),
  /** Vista: the first cluster of the metadata, in the place of an NTFS's $MFTMirr */
  metadataCluster: u64le(56),
  guid: guid(160),
  toGoGuid: guid(424),
});
/** Where the three copies of the metadata are: behind either GUID. */
const offsetsStruct = struct(24, { first: u64le(0), second: u64le(8), third: u64le(16) });
const OFFSETS_AT = 176;
const OFFSETS_AT_TO_GO = 440;
const GUIDS = ['4967D63B-2E29-4AD8-8399-F6A339E3D001', '92A84D3B-DD80-4D0E-9E4E-B1E3284EAED8'];

const metadataStruct = struct(112, {
  signature: text(0, 8),
  version: u16le(10),
  metadataBytes: u32le(64),
  headerBytes: u32le(72),
  volumeGuid: guid(80),
  method: u16le(100),
});
const HEADER_AT = 64;

const entryStruct = struct(8, { size: u16le(0), type: u16le(2), valueType: u16le(4) });
const ENTRY_KEY = 0x0002;
const ENTRY_DESCRIPTION = 0x0007;
const VALUE_TEXT = 0x0002;
const VALUE_KEY = 0x0008;
const keyStruct = struct(28, { id: raw(0, 16), protection: u16le(26) });
/** A key that is protected by nothing: protection is suspended, or was never switched on. */
const PROTECTION_CLEAR = 0x0000;

const CIPHERS: Record<number, string> = {
  0x8000: 'aes-cbc-elephant-128',
  0x8001: 'aes-cbc-elephant-256',
  0x8002: 'aes-cbc-128',
  0x8003: 'aes-cbc-256',
  0x8004: 'aes-xts-128',
  0x8005: 'aes-xts-256',
};

/**
 * @returns null where there is no BitLocker. Metadata that cannot be read says no more than that it is there
 * @throws EngineError `READ_FAILED`
 */
export async function recogniseBitLocker(volume: BlockSource): Promise<EncryptedVolume | null> {
  if (volume.lengthBytes < BOOT_BYTES) return null;
  const sector = await readBytes(volume, 0, BOOT_BYTES);
  const boot = bootStruct.read(sector);
  const isToGo = GUIDS.includes(boot.toGoGuid);
  if (boot.signature !== SIGNATURE && !isToGo) return null;
  const hasOffsets = isToGo || GUIDS.includes(boot.guid);
  const offsets = hasOffsets
    ? Object.values(offsetsStruct.read(sector, isToGo ? OFFSETS_AT_TO_GO : OFFSETS_AT)).map(Number)
    : [Number(boot.metadataCluster) * boot.clusterSectors * boot.sectorBytes];
  let metadata: Awaited<ReturnType<typeof readMetadata>> = null;
  for (const offset of offsets) metadata ??= await readMetadata(volume, offset);
  return {
    name: isToGo ? 'BitLocker To Go' : 'BitLocker',
    cipher: '',
    uuid: '',
    isSuspended: false,
    drive: '',
    sectorBytes: boot.sectorBytes,
    ...metadata,
  };
}

async function readMetadata(
  volume: BlockSource,
  offsetBytes: number,
): Promise<Pick<EncryptedVolume, 'cipher' | 'uuid' | 'isSuspended' | 'drive'> | null> {
  if (!(offsetBytes > 0 && offsetBytes + METADATA_BYTES_MAX <= volume.lengthBytes)) return null;
  const bytes = await readBytes(volume, offsetBytes, METADATA_BYTES_MAX);
  const metadata = metadataStruct.read(bytes);
  if (metadata.signature !== SIGNATURE) return null;
  const entries = readEntries(bytes, HEADER_AT + metadata.headerBytes, HEADER_AT + metadata.metadataBytes);
  const keys = entries.filter(({ type, valueType, data }) => {
    return type === ENTRY_KEY && valueType === VALUE_KEY && data.length >= keyStruct.size;
  });
  const description = entries.find(({ type, valueType }) => type === ENTRY_DESCRIPTION && valueType === VALUE_TEXT);
  const words = description?.data.toString('utf16le').replace(/\0[^]*$/, '') ?? '';
  return {
    cipher: CIPHERS[metadata.method] ?? '',
    uuid: metadata.volumeGuid,
    isSuspended: keys.some(({ data }) => keyStruct.read(data).protection === PROTECTION_CLEAR),
    // "COMPUTER C: 12/31/2025"
    drive: /(?:^| )([A-Z]:)(?: |$)/.exec(words)?.[1] ?? '',
  };
}

interface Entry {
  readonly type: number;
  readonly valueType: number;
  readonly data: Buffer;
}

/** As many as there are until one that cannot be. */
function readEntries(bytes: Buffer, fromBytes: number, toBytes: number): Entry[] {
  const entries: Entry[] = [];
  const endBytes = Math.min(toBytes, bytes.length);
  for (let at = fromBytes; at + entryStruct.size <= endBytes && entries.length < MAX_ENTRIES;) {
    const { size, type, valueType } = entryStruct.read(bytes, at);
    if (size < entryStruct.size || at + size > endBytes) break;
    entries.push({ type, valueType, data: bytes.subarray(at + entryStruct.size, at + size) });
    at += size;
  }
  return entries;
}
