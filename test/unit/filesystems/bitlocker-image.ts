/** Volumes of BitLocker, built from libyal's "BitLocker Drive Encryption (BDE) format specification", without the code under test. */

export type BitLockerKind = 'vista' | 'windows7' | 'used-space' | 'to-go';

export interface BitLockerOptions {
  kind: BitLockerKind;
  /** 0x0000 in the clear, 0x0100 TPM, 0x0800 recovery password, 0x2000 password */
  protections?: number[];
  method?: number;
  description?: string;
  lengthBytes?: number;
}

const METADATA_AT = 1024 * 1024;
const SIGNATURE = '-FVE-FS-';
export const VOLUME_GUID = '33221100-5544-7766-8899-AABBCCDDEEFF';
const GUID_BYTES = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const STANDARD = Buffer.from('3bd66749292ed84a8399f6a339e3d001', 'hex');
const USED_SPACE = Buffer.from('3b4da89280dd0e4d9e4eb1e3284eaed8', 'hex');

export function bitLocker(options: BitLockerOptions): Buffer {
  const { kind, protections = [0x0100, 0x0800], method = 0x8004, lengthBytes = 2 * 1024 * 1024 } = options;
  const volume = Buffer.alloc(lengthBytes);
  volume.set(kind === 'vista' ? [0xeb, 0x52, 0x90] : [0xeb, 0x58, 0x90]);
  volume.write(kind === 'to-go' ? 'MSWIN4.1' : SIGNATURE, 3, 'latin1');
  volume.writeUInt16LE(512, 11);
  volume[13] = 8;
  volume.writeUInt16LE(0xaa55, 510);
  if (kind === 'vista') volume.writeBigUInt64LE(BigInt(METADATA_AT / 4096), 56);
  else {
    const at = kind === 'to-go' ? 424 : 160;
    (kind === 'used-space' ? USED_SPACE : STANDARD).copy(volume, at);
    [0, 0x20000, 0x40000].forEach((n, i) => volume.writeBigUInt64LE(BigInt(METADATA_AT + n), at + 16 + 8 * i));
  }
  for (const offset of [0, 0x20000, 0x40000])
    writeMetadata(volume, METADATA_AT + offset, kind, protections, method, options.description);
  return volume;
}

function writeMetadata(
  volume: Buffer,
  at: number,
  kind: BitLockerKind,
  protections: number[],
  method: number,
  description = 'LABPC C: 11/21/2026',
): void {
  const entries = Buffer.concat([
    entry(0x0007, 0x0002, Buffer.from(`${description}\0`, 'utf16le')),
    entry(0x0003, 0x0005, ENCRYPTED_KEY),
    ...protections.map((protection, i) => entry(0x0002, 0x0008, key(i, protection))),
  ]);
  const block = volume.subarray(at);
  block.write(SIGNATURE, 0, 'latin1');
  block.writeUInt16LE(4, 8);
  block.writeUInt16LE(kind === 'vista' ? 1 : 2, 10);
  block.writeUInt16LE(4, 12);
  block.writeUInt16LE(4, 14);
  block.writeBigUInt64LE(BigInt(volume.length), 16);
  block.writeUInt32LE(16, 28);
  [0, 0x20000, 0x40000].forEach((n, i) => block.writeBigUInt64LE(BigInt(METADATA_AT + n), 32 + 8 * i));
  block.writeBigUInt64LE(BigInt(METADATA_AT + 0x10000), 56);
  const header = block.subarray(64);
  header.writeUInt32LE(48 + entries.length, 0);
  header.writeUInt32LE(1, 4);
  header.writeUInt32LE(48, 8);
  header.writeUInt32LE(48 + entries.length, 12);
  GUID_BYTES.copy(header, 16);
  header.writeUInt32LE(9, 32);
  header.writeUInt32LE(method * 0x10001, 36);
  header.writeBigUInt64LE(133_000_000_000_000_000n, 40);
  entries.copy(header, 48);
}

function entry(type: number, valueType: number, data: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(8 + data.length, 0);
  head.writeUInt16LE(type, 2);
  head.writeUInt16LE(valueType, 4);
  head.writeUInt16LE(1, 6);
  return Buffer.concat([head, data]);
}

/** Nonce, message authentication code and an encrypted key of 512 bits. */
const ENCRYPTED_KEY = Buffer.alloc(12 + 16 + 12 + 64, 0x5a);

/** A protected key: who it is, when it was changed, how it is protected. */
function key(index: number, protection: number): Buffer {
  const data = Buffer.alloc(28, 0x11 * (index + 1));
  data.writeBigUInt64LE(133_000_000_000_000_000n, 16);
  data.writeUInt16LE(0, 24);
  data.writeUInt16LE(protection, 26);
  return Buffer.concat([data, entry(0x0000, 0x0005, ENCRYPTED_KEY)]);
}
