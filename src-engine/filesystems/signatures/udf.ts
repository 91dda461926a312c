/**
 * UDF: the sequence that says that it is there (ECMA-167, part 2, 8.3), and its names (ECMA-167, part 3, 10.1 and 10.6; OSTA
 * UDF 2.60, 2.2). The UUID is the one that libblkid makes of the name of the volume set.
 */
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { KIB, type Said } from './signature.ts';

const SEQUENCE_AT = 32 * KIB;
const MAX_STRUCTURES = 64;
const BLOCK_BYTES = [512, 1024, 2048, 4096];
/** Longer sequences of descriptors are none that a tool writes. */
const MAX_DESCRIPTORS = 256;

/** @param head the first bytes of a source: 64 structures from 32 KiB on, of 2 KiB, or of 4 KiB where blocks are that large */
export function hasUdf(head: Buffer): boolean {
  return [2048, 4096].some((stepBytes) => {
    for (let i = 0; i < MAX_STRUCTURES; i++) {
      const at = SEQUENCE_AT + i * stepBytes;
      if (at + 6 > head.length) return false;
      const id = head.toString('latin1', at + 1, at + 6);
      if (id === 'NSR02' || id === 'NSR03') return true;
      if (!['BEA01', 'BOOT2', 'CD001', 'CDW02', 'TEA01'].includes(id)) return false;
    }
    return false;
  });
}

/**
 * @returns what the descriptors say; nothing where their anchor is not found
 * @throws EngineError `READ_FAILED`
 */
export async function udfSaid(source: BlockSource): Promise<Said> {
  const said = { label: '', uuid: '' };
  for (const blockBytes of BLOCK_BYTES) {
    const anchor = await blockAt(source, 256, blockBytes);
    if (!anchor || anchor.readUInt16LE(0) !== 2 || anchor.readUInt32LE(12) !== 256) continue;
    const count = Math.min(Math.floor(anchor.readUInt32LE(16) / blockBytes), MAX_DESCRIPTORS);
    const first = anchor.readUInt32LE(20);
    for (let number = first; number < first + count; number++) {
      const descriptor = await blockAt(source, number, blockBytes);
      if (!descriptor || descriptor.readUInt32LE(12) !== number) break;
      const tag = descriptor.readUInt16LE(0);
      if (tag === 1) said.uuid ||= numberOfSet(dstring(descriptor.subarray(72, 200)));
      if (tag === 6) said.label ||= dstring(descriptor.subarray(84, 212)).trim();
      if (tag === 0 || tag === 8) break;
    }
    return said;
  }
  return said;
}

async function blockAt(source: BlockSource, number: number, blockBytes: number): Promise<Buffer | null> {
  const startBytes = number * blockBytes;
  return startBytes + 512 > source.lengthBytes ? null : readBytes(source, startBytes, 512);
}

/** OSTA CS0: the first byte says how wide a character is, the last one how many bytes are used, the first included. */
function dstring(field: Buffer): string {
  const lengthBytes = Math.min(Math.max(field[field.length - 1] - 1, 0), field.length - 2);
  const characters = field.subarray(1, 1 + lengthBytes);
  if (field[0] === 8) return characters.toString('latin1').replace(/\0[^]*$/, '');
  if (field[0] !== 16) return '';
  return wideText(characters);
}

/** UTF-16 of the high byte first, up to the first zero. */
export function wideText(bytes: Buffer): string {
  const even = Buffer.from(bytes.subarray(0, bytes.length - (bytes.length % 2)));
  return even
    .swap16()
    .toString('utf16le')
    .replace(/\0[^]*$/, '')
    .toWellFormed();
}

/** Sixteen characters that should be unique; those that are no hexadecimal digits stand as the digits of their bytes. */
function numberOfSet(name: string): string {
  const bytes = Buffer.alloc(16);
  if (Buffer.from(name).copy(bytes) < 8) return '';
  const text = bytes.toString('latin1');
  const digits = /^[0-9a-f]*/i.exec(text)![0].length;
  if (digits === 16) return text.toLowerCase();
  if (digits < 8) return bytes.toString('hex', 0, 8);
  return text.slice(0, 8).toLowerCase() + bytes.toString('hex', 8, 12);
}
