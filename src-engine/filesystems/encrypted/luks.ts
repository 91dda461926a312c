/**
 * LUKS1: "LUKS On-Disk Format Specification" 1.2.3, "PHDR layout". LUKS2: "LUKS2 On-Disk Format Specification" 1.1.1,
 * chapters 2 and 3.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import type { EncryptedVolume } from './encrypted.port.ts';

const MAGIC = Buffer.from('LUKS\xba\xbe', 'latin1');
const HEADER_BYTES = 4096;
/** Sizes that the specification knows are 16 KiB to 4 MiB; cryptsetup makes 16 KiB. */
const MAX_HEADER_BYTES = 4 * 1024 * 1024;
/** LUKS1 knows no other unit of encryption. */
const LUKS1_SECTOR_BYTES = 512;

const AT = { version: 6, uuid: 168, cipher1: 8, mode1: 40, size2: 8, checksumName2: 72, checksum2: 448 } as const;
const CHECKSUM_BYTES = 64;

const MetadataSchema = z.object({
  segments: z.record(
    z.string(),
    z.object({ type: z.string(), encryption: z.string().max(100), sector_size: z.number().int().positive() }),
  ),
});

/** Text padded with zero bytes. */
const at = (bytes: Buffer, offset: number, size: number) =>
  bytes.toString('utf8', offset, offset + size).replace(/\0[^]*$/, '');

/**
 * @returns null where there is no LUKS. A header that cannot be read says no more than that it is there
 * @throws EngineError `READ_FAILED`
 */
export async function recogniseLuks(volume: BlockSource): Promise<EncryptedVolume | null> {
  if (volume.lengthBytes < HEADER_BYTES) return null;
  const header = await readBytes(volume, 0, HEADER_BYTES);
  if (!header.subarray(0, MAGIC.length).equals(MAGIC)) return null;
  const known = { uuid: at(header, AT.uuid, 40), isSuspended: false, drive: '' };
  const version = header.readUInt16BE(AT.version);
  if (version === 1) {
    const cipher = `${at(header, AT.cipher1, 32)}-${at(header, AT.mode1, 32)}`;
    return { ...known, name: 'LUKS1', cipher, sectorBytes: LUKS1_SECTOR_BYTES };
  }
  const segment = version === 2 ? await readSegment(volume, header) : null;
  return {
    ...known,
    name: version === 2 ? 'LUKS2' : 'LUKS',
    cipher: segment?.encryption ?? '',
    sectorBytes: segment?.sector_size ?? null,
  };
}

/** The first encrypted segment of LUKS2's metadata, where its checksum is right. */
async function readSegment(volume: BlockSource, header: Buffer) {
  const sizeBytes = Number(header.readBigUInt64BE(AT.size2));
  const isKnown = sizeBytes > HEADER_BYTES && sizeBytes <= Math.min(MAX_HEADER_BYTES, volume.lengthBytes);
  if (!isKnown || at(header, AT.checksumName2, 32) !== 'sha256') return null;
  const bytes = await readBytes(volume, 0, sizeBytes);
  const expected = Buffer.from(bytes.subarray(AT.checksum2, AT.checksum2 + 32));
  bytes.fill(0, AT.checksum2, AT.checksum2 + CHECKSUM_BYTES);
  if (!createHash('sha256').update(bytes).digest().equals(expected)) return null;
  const parsed = MetadataSchema.safeParse(parseJson(bytes.toString('utf8', HEADER_BYTES).replace(/\0[^]*$/, '')));
  return Object.values(parsed.data?.segments ?? {}).find(({ type }) => type === 'crypt') ?? null;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
