/**
 * Dynamic and differencing VHDs from the specification (Microsoft, "Virtual Hard Disk Image Format Specification" 1.0): no program
 * here makes differencing ones.
 */
import { createHash } from 'node:crypto';

export interface VhdParts {
  readonly lengthBytes: number;
  readonly blockBytes: number;
  /** sectors that are in the file, by their number on the disk */
  readonly sectors: ReadonlyMap<number, Buffer>;
  /** makes the UUID */
  readonly name: string;
  readonly parent?: {
    readonly name: string;
    /** of the header's field */
    readonly fieldName?: string;
    readonly locators: Readonly<Record<string, string>>;
  };
}

export const uuidOf = (name: string) => createHash('md5').update(name).digest();

function sum(bytes: Buffer): number {
  let total = 0;
  for (const byte of bytes) total += byte;
  return ~total >>> 0;
}

/** Puts the checksum of a footer or of a header right. */
export function sealFooter(footer: Buffer): void {
  footer.writeUInt32BE(0, 64);
  footer.writeUInt32BE(sum(footer), 64);
}
export function sealHeader(header: Buffer): void {
  header.writeUInt32BE(0, 36);
  header.writeUInt32BE(sum(header), 36);
}

export function buildFooter(lengthBytes: number, type: number, name: string, creator = 'test'): Buffer {
  const footer = Buffer.alloc(512);
  footer.write('conectix', 0, 'latin1');
  footer.writeUInt32BE(2, 8);
  footer.writeUInt32BE(0x10000, 12);
  footer.writeBigUInt64BE(type === 2 ? 0xffffffffffffffffn : 512n, 16);
  footer.write(creator, 28, 4, 'latin1');
  footer.write('Wi2k', 36, 'latin1');
  footer.writeBigUInt64BE(BigInt(lengthBytes), 40);
  footer.writeBigUInt64BE(BigInt(lengthBytes), 48);
  // cylinders, heads, sectors: the greatest there are, so that programs go by the length
  footer.writeUInt16BE(65_535, 56);
  footer[58] = 16;
  footer[59] = 255;
  footer.writeUInt32BE(type, 60);
  uuidOf(name).copy(footer, 68);
  sealFooter(footer);
  return footer;
}

export function buildVhd(parts: VhdParts): Buffer {
  const { lengthBytes, blockBytes, sectors, parent } = parts;
  const footer = buildFooter(lengthBytes, parent ? 4 : 3, parts.name);
  const header = Buffer.alloc(1024);
  const entries = Math.ceil(lengthBytes / blockBytes);
  const table = Buffer.alloc(Math.ceil((entries * 4) / 512) * 512, 0xff);
  header.write('cxsparse', 0, 'latin1');
  header.writeBigUInt64BE(0xffffffffffffffffn, 8);
  header.writeBigUInt64BE(1536n, 16);
  header.writeUInt32BE(0x10000, 24);
  header.writeUInt32BE(entries, 28);
  header.writeUInt32BE(blockBytes, 32);
  const paths: Buffer[] = [];
  if (parent) {
    uuidOf(parent.name).copy(header, 40);
    Buffer.from(parent.fieldName ?? '', 'utf16le')
      .swap16()
      .copy(header, 64);
    Object.entries(parent.locators).forEach(([code, path], i) => {
      const text = Buffer.from(path, 'utf16le');
      const at = 576 + 24 * i;
      header.write(code, at, 4, 'latin1');
      header.writeUInt32BE(512, at + 4);
      header.writeUInt32BE(text.length, at + 8);
      header.writeBigUInt64BE(BigInt(1536 + table.length + 512 * i), at + 16);
      paths.push(Buffer.concat([text], 512));
    });
  }
  sealHeader(header);

  const sectorsPerBlock = blockBytes / 512;
  const bitmapBytes = Math.ceil(sectorsPerBlock / 8 / 512) * 512;
  const blocks: Buffer[] = [];
  let end = 1536 + table.length + 512 * paths.length;
  // descending, so that blocks do not lie in the order of the disk
  for (let block = entries - 1; block >= 0; block--) {
    const bytes = Buffer.alloc(bitmapBytes + blockBytes);
    let isHere = false;
    for (let i = 0; i < sectorsPerBlock; i++) {
      const sector = sectors.get(block * sectorsPerBlock + i);
      if (!sector) continue;
      isHere = true;
      bytes[i >>> 3] |= 0x80 >>> (i & 7);
      sector.copy(bytes, bitmapBytes + i * 512);
    }
    if (!isHere) continue;
    table.writeUInt32BE(end / 512, block * 4);
    blocks.push(bytes);
    end += bytes.length;
  }
  return Buffer.concat([footer, header, table, ...paths, ...blocks, footer]);
}

/** A disk of so many bytes, with these sectors over what is in `under`. */
export function overlaid(under: Buffer, sectors: ReadonlyMap<number, Buffer>, lengthBytes: number): Buffer {
  const disk = Buffer.concat([under.subarray(0, lengthBytes)], lengthBytes);
  for (const [number, bytes] of sectors) bytes.copy(disk, number * 512);
  return disk;
}
