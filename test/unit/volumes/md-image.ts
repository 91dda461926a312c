/** Members of MD arrays, built from include/uapi/linux/raid/md_p.h and without the code under test. */

export interface MdOptions {
  version: '0.90' | '1.0' | '1.1' | '1.2';
  level?: number;
  devices?: number;
  /** place in the array; 0xffff spare, 0xfffe faulty, 0xfffd journal */
  role?: number;
  events?: number;
  name?: string;
  uuid?: Buffer;
  isClean?: boolean;
  /** of what each member holds; all that there is room for where it is not given */
  dataBytes?: number;
  /** of versions 1.1 and 1.2 */
  dataOffset?: number;
  withBitmap?: boolean;
  withBadBlocks?: boolean;
  featureMap?: number;
}

const KIB = 1024;
const UUID = Buffer.from('00112233445566778899aabbccddeeff', 'hex');

/** Where the superblock of a version stands in a member of that length. */
export function superblockStart(version: MdOptions['version'], lengthBytes: number): number {
  if (version === '0.90') return Math.floor(lengthBytes / (64 * KIB)) * 64 * KIB - 64 * KIB;
  if (version === '1.0') return Math.floor((lengthBytes - 8 * KIB) / (4 * KIB)) * 4 * KIB;
  return version === '1.1' ? 0 : 4 * KIB;
}

/** @returns where what the array holds is on the member */
export function writeMember(volume: Buffer, options: MdOptions): { startBytes: number; lengthBytes: number } {
  return options.version === '0.90' ? write0(volume, options) : write1(volume, options);
}

function write1(volume: Buffer, options: MdOptions): { startBytes: number; lengthBytes: number } {
  const {
    version,
    level = 1,
    devices = 2,
    role = 0,
    events = 17,
    name = 'host:0',
    uuid = UUID,
    isClean = true,
  } = options;
  const at = superblockStart(version, volume.length);
  const startBytes = version === '1.0' ? 0 : (options.dataOffset ?? 1024 * KIB);
  const room = version === '1.0' ? at - 128 * KIB : volume.length - startBytes;
  const lengthBytes = options.dataBytes ?? room;
  const sb = volume.subarray(at, at + 4 * KIB).fill(0);
  sb.writeUInt32LE(0xa92b4efc, 0);
  sb.writeUInt32LE(1, 4);
  uuid.copy(sb, 16);
  sb.write(name, 32, 32);
  sb.writeBigUInt64LE(1_700_000_000n, 64);
  sb.writeInt32LE(level, 72);
  // two near copies
  if (level === 10) sb.writeUInt32LE(0x102, 76);
  sb.writeBigUInt64LE(BigInt(lengthBytes / 512), 80);
  sb.writeUInt32LE(level === 1 ? 0 : 1024, 88);
  sb.writeUInt32LE(devices, 92);
  sb.writeBigUInt64LE(BigInt(startBytes / 512), 128);
  sb.writeBigUInt64LE(BigInt(room / 512), 136);
  sb.writeBigUInt64LE(BigInt(at / 512), 144);
  const number = role < 0xfff0 ? role : devices;
  sb.writeUInt32LE(number, 160);
  sb.fill(0xd0 + number, 168, 184);
  sb.writeBigUInt64LE(1_700_000_100n, 192);
  sb.writeBigUInt64LE(BigInt(events), 200);
  sb.writeBigUInt64LE(isClean ? 2n ** 64n - 1n : 0n, 208);
  sb.writeUInt32LE(128, 220);
  let features = options.featureMap ?? 0;
  if (options.withBitmap) {
    features |= 1;
    const offset = version === '1.0' ? -16 : 8;
    sb.writeInt32LE(offset, 96);
    writeBitmap(volume, at + offset * 512, uuid, lengthBytes, events);
  }
  if (options.withBadBlocks) {
    features |= 8;
    sb.writeUInt8(9, 185);
    sb.writeUInt16LE(8, 186);
    const offset = version === '1.0' ? -8 : 96;
    sb.writeInt32LE(offset, 188);
    volume.fill(0xff, at + offset * 512, at + offset * 512 + 4 * KIB);
  }
  sb.writeUInt32LE(features, 8);
  for (let i = 0; i < 128; i++) sb.writeUInt16LE(i < devices ? i : 0xffff, 256 + 2 * i);
  sb.writeUInt16LE(role, 256 + 2 * number);
  seal1(volume, at);
  return { startBytes, lengthBytes };
}

function writeBitmap(volume: Buffer, at: number, uuid: Buffer, lengthBytes: number, events: number): void {
  const bitmap = volume.subarray(at, at + 4 * KIB).fill(0);
  bitmap.write('bitm', 0, 'latin1');
  bitmap.writeUInt32LE(4, 4);
  uuid.copy(bitmap, 8);
  bitmap.writeBigUInt64LE(BigInt(events), 24);
  bitmap.writeBigUInt64LE(BigInt(events), 32);
  bitmap.writeBigUInt64LE(BigInt(lengthBytes / 512), 40);
  bitmap.writeUInt32LE(64 * KIB, 52);
  bitmap.writeUInt32LE(5, 56);
  bitmap.writeUInt32LE(8, 64);
}

/** The checksum of a superblock of version 1, by 64-bit arithmetic. */
export function seal1(volume: Buffer, at: number): void {
  const length = 256 + 2 * Math.min(volume.readUInt32LE(at + 220), 1900);
  volume.writeUInt32LE(0, at + 216);
  let sum = 0n;
  for (let i = 0; i + 4 <= length; i += 4) sum += BigInt(volume.readUInt32LE(at + i));
  if (length % 4 === 2) sum += BigInt(volume.readUInt16LE(at + length - 2));
  volume.writeUInt32LE(Number(((sum & 0xffffffffn) + (sum >> 32n)) & 0xffffffffn), at + 216);
}

function write0(volume: Buffer, options: MdOptions): { startBytes: number; lengthBytes: number } {
  const { level = 1, devices = 2, role = 0, events = 17, uuid = UUID, isClean = true } = options;
  const at = superblockStart('0.90', volume.length);
  const lengthBytes = options.dataBytes ?? at;
  const sb = volume.subarray(at, at + 4 * KIB).fill(0);
  const word = (index: number, value: number) => sb.writeUInt32LE(value >>> 0, 4 * index);
  word(0, 0xa92b4efc);
  word(2, 90);
  word(5, uuid.readUInt32LE(0));
  word(6, 1_700_000_000);
  word(7, level);
  word(8, lengthBytes / KIB);
  word(9, devices);
  word(10, devices);
  word(11, 3);
  [13, 14, 15].forEach((index, i) => word(index, uuid.readUInt32LE(4 * (i + 1))));
  word(32, 1_700_000_100);
  word(33, isClean ? 1 : 0);
  word(34, devices);
  word(35, devices);
  word(39, events);
  if (level === 10) word(64, 0x102);
  for (let i = 0; i < devices; i++) [i, 8, 16 * i, i, 6].forEach((value, field) => word(128 + 32 * i + field, value));
  const number = role < 0xfff0 ? role : devices;
  const state = role === 0xfffe ? 1 : role === 0xffff ? 0 : 6;
  [number, 8, 16 * number, number, state].forEach((value, field) => word(992 + field, value));
  seal0(volume, at);
  return { startBytes: 0, lengthBytes };
}

export function seal0(volume: Buffer, at: number): void {
  volume.writeUInt32LE(0, at + 152);
  let sum = 0n;
  for (let i = 0; i < 4096; i += 4) sum += BigInt(volume.readUInt32LE(at + i));
  volume.writeUInt32LE(Number(((sum & 0xffffffffn) + (sum >> 32n)) & 0xffffffffn), at + 152);
}
