/** Identifiers that replace others: made of a plan's seed, so that they are the same whenever the plan is looked at, and others for each target. */
import { createHmac } from 'node:crypto';

/** How identifiers are written. */
export type IdFormat =
  /** 8-4-4-4-12 hexadecimal digits */
  | 'uuid'
  /** XXXX-XXXX: the serial number of FAT */
  | 'serial'
  /** eight hexadecimal digits: the signature of an MBR */
  | 'signature'
  /** 6-4-4-4-4-4-6 letters and digits */
  | 'lvm';

const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/**
 * @param what names the thing that gets it: two things with one name get the same
 * @returns in the case in which it is usually written
 */
export function newId(seed: string, format: IdFormat, what: string): string {
  const bytes = createHmac('sha256', seed).update(`${format} ${what}`).digest();
  switch (format) {
    case 'uuid': {
      // RFC 9562, version 4
      bytes[6] = (bytes[6] & 0x0f) | 0x40;
      bytes[8] = (bytes[8] & 0x3f) | 0x80;
      return bytes.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    }
    case 'lvm': {
      const letters = [...bytes].map((byte) => LETTERS[byte % LETTERS.length]).join('');
      return letters.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/, '$1-$2-$3-$4-$5-$6-$7');
    }
    default: {
      // neither zero, which is none, nor one that begins like a small number
      bytes[0] |= 0x10;
      const digits = bytes.toString('hex', 0, 4).toUpperCase();
      return format === 'serial' ? `${digits.slice(0, 4)}-${digits.slice(4)}` : digits;
    }
  }
}
