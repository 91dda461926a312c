/**
 * Programs for UEFI, as far as they carry what names a disk: GRUB's image with its first configuration, a kernel with its command line. Source:
 * Microsoft, "PE Format"; systemd-stub(7); GRUB, util/mkimage.c.
 */
import { EngineError } from '../core/engine-error.ts';
import { struct, text, u16le, u32le } from '../core/struct.ts';

const OPTIONAL_AT = 24;
const PE32_PLUS = 0x20b;
/** The directory of certificates is the fifth. */
const CERTIFICATES = 4;
const MAX_SECTIONS = 96;

const dosStruct = struct(64, { magic: text(0, 2), peAt: u32le(60) });
const peStruct = struct(OPTIONAL_AT, { magic: text(0, 2), sections: u16le(6), optionalBytes: u16le(20) });
const sectionStruct = struct(40, { name: text(0, 8), virtualBytes: u32le(8), rawBytes: u32le(16), rawAt: u32le(20) });
const directoryStruct = struct(8, { at: u32le(0), bytes: u32le(4) });

export interface EfiProgram {
  /** a change would make secure boot refuse it */
  readonly isSigned: boolean;
  /** a first file system in it, as it lies in the file; null: none */
  readonly initramfs: Buffer | null;
}

/** @returns null where it is no such program */
export function readEfiProgram(bytes: Buffer): EfiProgram | null {
  try {
    const dos = dosStruct.read(bytes);
    if (dos.magic !== 'MZ') return null;
    const pe = peStruct.read(bytes, dos.peAt);
    if (pe.magic !== 'PE') return null;
    const optionalAt = dos.peAt + OPTIONAL_AT;
    const isWide = bytes.readUInt16LE(optionalAt) === PE32_PLUS;
    const directories = optionalAt + (isWide ? 112 : 96);
    const count = bytes.readUInt32LE(directories - 4);
    const certificates = count > CERTIFICATES ? directoryStruct.read(bytes, directories + 8 * CERTIFICATES) : null;
    return {
      isSigned: (certificates?.bytes ?? 0) > 0,
      initramfs: section(bytes, optionalAt + pe.optionalBytes, pe.sections, '.initrd'),
    };
  } catch (error) {
    if (error instanceof RangeError || (error instanceof EngineError && error.code === 'FORMAT_INVALID')) return null;
    throw error;
  }
}

function section(bytes: Buffer, tableAt: number, count: number, name: string): Buffer | null {
  for (let i = 0; i < Math.min(count, MAX_SECTIONS); i++) {
    const { name: own, virtualBytes, rawBytes, rawAt } = sectionStruct.read(bytes, tableAt + i * sectionStruct.size);
    if (own.replace(/\0.*$/, '') === name) {
      return bytes.subarray(rawAt, rawAt + Math.min(rawBytes, virtualBytes || rawBytes));
    }
  }
  return null;
}
