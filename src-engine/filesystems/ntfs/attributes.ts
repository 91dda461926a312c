/** Attributes of an MFT record: Linux-NTFS, "NTFS Documentation", chapters "Attribute Header" and "Attributes". */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { struct, u16le, u32le, u64le, u8 } from '../../core/struct.ts';

export const ATTRIBUTE = {
  STANDARD_INFORMATION: 0x10,
  ATTRIBUTE_LIST: 0x20,
  FILE_NAME: 0x30,
  VOLUME_NAME: 0x60,
  VOLUME_INFORMATION: 0x70,
  DATA: 0x80,
  INDEX_ROOT: 0x90,
  INDEX_ALLOCATION: 0xa0,
  REPARSE_POINT: 0xc0,
} as const;
const END = 0xffffffff;

const COMPRESSION_MASK = 0x00ff;
const ENCRYPTED = 0x4000;

const common = struct(16, {
  type: u32le(0),
  length: u32le(4),
  nonResident: u8(8),
  nameLength: u8(9),
  nameOffset: u16le(10),
  flags: u16le(12),
});
const resident = struct(24, { valueLength: u32le(16), valueOffset: u16le(20) });
const nonResident = struct(64, {
  lowestVcn: u64le(16),
  highestVcn: u64le(24),
  mappingPairsOffset: u16le(32),
  compressionUnit: u8(34),
  dataSize: u64le(48),
  initializedSize: u64le(56),
});

interface AttributeHeader {
  readonly type: number;
  /** as UTF-16 without regard to what it means; '' for most */
  readonly name: string;
  readonly isCompressed: boolean;
  readonly isEncrypted: boolean;
}

/** An attribute whose value stands in the record. */
export interface ResidentAttribute extends AttributeHeader {
  readonly value: Buffer;
}

/** An attribute, or a part of one, whose value lies in clusters. */
export interface NonResidentAttribute extends AttributeHeader {
  readonly value: null;
  /** the first cluster of the value that this part speaks of; its sizes mean something where it is 0 */
  readonly lowestVcn: number;
  /** the last one; -1 where there is none */
  readonly highestVcn: number;
  readonly mappingPairs: Buffer;
  /** clusters that are compressed together; 1: none are */
  readonly unitClusters: number;
  readonly dataBytes: number;
  /** what is behind it was never written and reads as zeros */
  readonly initializedBytes: number;
}

export type Attribute = ResidentAttribute | NonResidentAttribute;

/**
 * @param bytes the used part of a record
 * @throws EngineError `FORMAT_INVALID` where an attribute is not inside the record, or has no length
 */
export function parseAttributes(bytes: Buffer, firstOffset: number): Attribute[] {
  const attributes: Attribute[] = [];
  let at = firstOffset;
  while (true) {
    checkSpan('attribute', at, 4, bytes.length);
    if (bytes.readUInt32LE(at) === END) return attributes;
    const header = common.read(bytes, at);
    checkRange('length of an attribute', header.length, resident.size, bytes.length - at);
    checkRange('alignment of an attribute', header.length % 8, 0, 0);
    attributes.push(parseAttribute(bytes.subarray(at, at + header.length), header));
    at += header.length;
  }
}

function parseAttribute(bytes: Buffer, h: ReturnType<typeof common.read>): Attribute {
  checkSpan('name of an attribute', h.nameLength && h.nameOffset, 2 * h.nameLength, bytes.length);
  const header = {
    type: h.type,
    name: bytes.toString('utf16le', h.nameOffset, h.nameOffset + 2 * h.nameLength),
    isCompressed: (h.flags & COMPRESSION_MASK) !== 0,
    isEncrypted: (h.flags & ENCRYPTED) !== 0,
  };
  if (h.nonResident === 0) {
    const { valueOffset, valueLength } = resident.read(bytes);
    checkSpan('value of an attribute', valueOffset, valueLength, bytes.length);
    return { ...header, value: bytes.subarray(valueOffset, valueOffset + valueLength) };
  }
  const n = nonResident.read(bytes);
  checkSpan('mapping pairs', n.mappingPairsOffset, 0, bytes.length);
  const lowestVcn = checkRange('lowest VCN', Number(n.lowestVcn), 0, Number.MAX_SAFE_INTEGER);
  const isFirst = lowestVcn === 0;
  return {
    ...header,
    value: null,
    lowestVcn,
    highestVcn: checkRange('highest VCN', Number(BigInt.asIntN(64, n.highestVcn)), -1, Number.MAX_SAFE_INTEGER - 1),
    mappingPairs: bytes.subarray(n.mappingPairsOffset),
    unitClusters: 2 ** checkRange('compression unit', n.compressionUnit, 0, 16),
    dataBytes: isFirst ? checkRange('data size', Number(n.dataSize), 0, Number.MAX_SAFE_INTEGER) : 0,
    initializedBytes: isFirst
      ? checkRange('initialized size', Number(n.initializedSize), 0, Number.MAX_SAFE_INTEGER)
      : 0,
  };
}
