/** Parts of VHDX files from the specification ([MS-VHDX]): logs, differencing disks. No program here makes them. */
import { crc32c } from '../../../src-engine/core/crc32c.ts';

export const KIB = 1024;
export const MIB = 1024 * KIB;

/** As bytes: the first three groups are little-endian. */
export function guidBytes(guid: string): Buffer {
  const [a, b, c, d, e] = guid.split('-').map((group) => Buffer.from(group, 'hex'));
  return Buffer.concat([a.reverse(), b.reverse(), c.reverse(), d, e]);
}

/** Puts the checksum of a header, of a region table or of an entry of the log right. */
export function seal(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(0, 4);
  bytes.writeUInt32LE(~crc32c(0xffffffff, bytes) >>> 0, 4);
  return bytes;
}

/** Where things are in a file: from both region tables, whichever is there. */
export function regionsOf(file: Buffer): { bat: number; metadata: number } {
  const places = { bat: 0, metadata: 0 };
  const bat = guidBytes('2DC27766-F623-4200-9D64-115E9BFD4A08');
  for (let i = 0; i < file.readUInt32LE(192 * KIB + 8); i++) {
    const at = 192 * KIB + 16 + 32 * i;
    places[file.subarray(at, at + 16).equals(bat) ? 'bat' : 'metadata'] = Number(file.readBigUInt64LE(at + 16));
  }
  return places;
}

export type Change =
  { readonly at: number; readonly page: Buffer } | { readonly at: number; readonly zeroBytes: number };

export interface LogEntryParts {
  readonly sequence: number;
  readonly guid: string;
  readonly tail: number;
  readonly fileBytes: number;
  readonly changes: readonly Change[];
}

export function logEntry({ sequence, guid, tail, fileBytes, changes }: LogEntryParts): Buffer {
  const descriptors = Buffer.alloc(Math.ceil((64 + 32 * changes.length) / 4096) * 4096);
  const sectors: Buffer[] = [];
  changes.forEach((change, i) => {
    const at = 64 + 32 * i;
    descriptors.writeBigUInt64LE(BigInt(change.at), at + 16);
    descriptors.writeBigUInt64LE(BigInt(sequence), at + 24);
    if ('zeroBytes' in change) {
      descriptors.write('zero', at, 'latin1');
      descriptors.writeBigUInt64LE(BigInt(change.zeroBytes), at + 8);
      return;
    }
    descriptors.write('desc', at, 'latin1');
    change.page.copy(descriptors, at + 8, 0, 8);
    change.page.copy(descriptors, at + 4, 4092, 4096);
    const sector = Buffer.alloc(4096);
    sector.write('data', 'latin1');
    sector.writeUInt32LE(Math.floor(sequence / 2 ** 32), 4);
    change.page.copy(sector, 8, 8, 4092);
    sector.writeUInt32LE(sequence % 2 ** 32, 4092);
    sectors.push(sector);
  });
  const entry = Buffer.concat([descriptors, ...sectors]);
  entry.write('loge', 'latin1');
  entry.writeUInt32LE(entry.length, 8);
  entry.writeUInt32LE(tail, 12);
  entry.writeBigUInt64LE(BigInt(sequence), 16);
  entry.writeUInt32LE(changes.length, 24);
  guidBytes(guid).copy(entry, 32);
  entry.writeBigUInt64LE(BigInt(fileBytes), 48);
  entry.writeBigUInt64LE(BigInt(fileBytes), 56);
  return seal(entry);
}

/** Says in both headers that the log is to be replayed. */
export function markLog(file: Buffer, guid: string): void {
  for (const at of [64 * KIB, 128 * KIB]) {
    const header = file.subarray(at, at + 4096);
    guidBytes(guid).copy(header, 48);
    seal(header);
  }
}

/** Puts bytes into the log, which is a ring. */
export function putInLog(file: Buffer, at: number, bytes: Buffer): void {
  const logAt = Number(file.readBigUInt64LE(64 * KIB + 72));
  const logBytes = file.readUInt32LE(64 * KIB + 68);
  for (let i = 0; i < bytes.length; i += 4096) bytes.copy(file, logAt + ((at + i) % logBytes), i, i + 4096);
}

export interface VhdxParts {
  readonly lengthBytes: number;
  readonly blockBytes: number;
  readonly sectorBytes: number;
  /** changes with the content; children name it */
  readonly dataWriteGuid: string;
  /** sectors that are in the file, by their number on the disk */
  readonly sectors: ReadonlyMap<number, Buffer>;
  readonly parent?: Readonly<Record<string, string>>;
}

/** A VHDX whose blocks hold the sectors given: differencing where there is a parent, else dynamic. */
export function buildVhdx(parts: VhdxParts): Buffer {
  const { lengthBytes, blockBytes, sectorBytes, sectors, parent } = parts;
  const chunkRatio = (2 ** 23 * sectorBytes) / blockBytes;
  const blocks = Math.ceil(lengthBytes / blockBytes);
  const bat = Buffer.alloc(MIB);
  const data: Buffer[] = [];
  let end = 4 * MIB;
  const append = (bytes: Buffer, state: number, entry: number) => {
    bat.writeBigUInt64LE(BigInt(end) | BigInt(state), entry * 8);
    data.push(bytes);
    end += bytes.length;
  };
  const bitmaps = new Map<number, Buffer>();
  const perBlock = blockBytes / sectorBytes;
  for (let block = blocks - 1; block >= 0; block--) {
    const content = Buffer.alloc(blockBytes);
    let count = 0;
    for (let i = 0; i < perBlock; i++) {
      const sector = sectors.get(block * perBlock + i);
      if (!sector) continue;
      count++;
      sector.copy(content, i * sectorBytes);
      const chunk = Math.floor(block / chunkRatio);
      if (!bitmaps.has(chunk)) bitmaps.set(chunk, Buffer.alloc(MIB));
      const bit = (block % chunkRatio) * perBlock + i;
      bitmaps.get(chunk)![bit >>> 3] |= 1 << (bit & 7);
    }
    const entry = block + Math.floor(block / chunkRatio);
    if (count > 0) append(content, parent && count < perBlock ? 7 : 6, entry);
  }
  if (parent) for (const [chunk, bits] of bitmaps) append(bits, 6, chunk * (chunkRatio + 1) + chunkRatio);

  const front = Buffer.alloc(4 * MIB);
  front.write('vhdxfile', 'latin1');
  const header = Buffer.alloc(4096);
  header.write('head', 'latin1');
  guidBytes(parts.dataWriteGuid).copy(header, 16);
  guidBytes(parts.dataWriteGuid).copy(header, 32);
  header.writeUInt16LE(1, 66);
  header.writeUInt32LE(MIB, 68);
  header.writeBigUInt64LE(BigInt(MIB), 72);
  for (const [i, at] of [64 * KIB, 128 * KIB].entries()) {
    header.writeBigUInt64LE(BigInt(7 + i), 8);
    seal(header).copy(front, at);
  }
  const regions = Buffer.alloc(64 * KIB);
  regions.write('regi', 'latin1');
  regions.writeUInt32LE(2, 8);
  [
    ['2DC27766-F623-4200-9D64-115E9BFD4A08', 3 * MIB],
    ['8B7CA206-4790-4B9A-B8FE-575F050F886E', 2 * MIB],
  ].forEach(([guid, at], i) => {
    guidBytes(String(guid)).copy(regions, 16 + 32 * i);
    regions.writeBigUInt64LE(BigInt(at), 32 + 32 * i);
    regions.writeUInt32LE(MIB, 40 + 32 * i);
    regions.writeUInt32LE(1, 44 + 32 * i);
  });
  seal(regions);
  regions.copy(front, 192 * KIB);
  regions.copy(front, 256 * KIB);
  metadata(parts).copy(front, 2 * MIB);
  bat.copy(front, 3 * MIB);
  return Buffer.concat([front, ...data]);
}

function metadata({ lengthBytes, blockBytes, sectorBytes, parent }: VhdxParts): Buffer {
  const number = (value: number, size: number) => {
    const bytes = Buffer.alloc(size);
    bytes.writeUIntLE(value, 0, Math.min(6, size));
    return bytes;
  };
  const items: [guid: string, value: Buffer][] = [
    ['CAA16737-FA36-4D43-B3B6-33F0AA44E76B', Buffer.concat([number(blockBytes, 4), number(parent ? 2 : 0, 4)])],
    ['2FA54224-CD1B-4876-B211-5DBED83BF4B8', number(lengthBytes, 8)],
    ['BECA12AB-B2E6-4523-93EF-C309E000C746', Buffer.alloc(16, 0xab)],
    ['8141BF1D-A96F-4709-BA47-F233A8FAAB5F', number(sectorBytes, 4)],
    ['CDA348C7-445D-4471-9CC9-E9885251C556', number(4096, 4)],
    ...(parent ? [['A8D35F2D-B30B-454D-ABF7-D3D84834AB0C', locator(parent)] as [string, Buffer]] : []),
  ];
  const bytes = Buffer.alloc(MIB);
  bytes.write('metadata', 'latin1');
  bytes.writeUInt16LE(items.length, 10);
  let offset = 64 * KIB;
  items.forEach(([guid, value], i) => {
    const at = 32 + 32 * i;
    guidBytes(guid).copy(bytes, at);
    bytes.writeUInt32LE(offset, at + 16);
    bytes.writeUInt32LE(value.length, at + 20);
    bytes.writeUInt32LE(i === 0 || i === 5 ? 4 : 6, at + 24);
    value.copy(bytes, offset);
    offset += value.length;
  });
  return bytes;
}

function locator(pairs: Readonly<Record<string, string>>): Buffer {
  const texts = Object.entries(pairs)
    .flat()
    .map((text) => Buffer.from(text, 'utf16le'));
  const head = Buffer.alloc(20 + 6 * texts.length);
  guidBytes('B04AEFB7-D19E-4A81-B789-25B8E9445913').copy(head);
  head.writeUInt16LE(texts.length / 2, 18);
  let offset = head.length;
  texts.forEach((text, i) => {
    const at = 20 + 12 * (i >>> 1);
    head.writeUInt32LE(offset, at + 4 * (i & 1));
    head.writeUInt16LE(text.length, at + 8 + 2 * (i & 1));
    offset += text.length;
  });
  return Buffer.concat([head, ...texts]);
}
