/**
 * Variables as Linux shows them (Documentation/filesystems/efivarfs: four bytes of attributes, then the value; the name is `NAME-GUID`), put
 * into OVMF's own store, where its firmware finds them when it starts. Source: EDK II, VariableFormat.h
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const STORE_HEADER_BYTES = 28;
const VARIABLE_HEADER_BYTES = 60;
const STORE_FORMATTED = 0x5a;
const VARIABLE_ID = 0x55aa;
const VARIABLE_ADDED = 0x3f;

/** A GUID as it lies in memory: its first three parts have their lowest byte first. */
function guidBytes(guid: string): Buffer {
  const bytes = Buffer.from(guid.replaceAll('-', ''), 'hex');
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}

/**
 * @param empty a store without variables: OVMF_VARS_4M.fd
 * @param folder of variables, as efivarfs shows them
 * @param to where the store that has them is written
 */
export function putIntoOvmf(empty: string, folder: string, to: string): string {
  const flash = readFileSync(empty);
  const storeStart = flash.readUInt16LE(0x30);
  if (flash[storeStart + 20] !== STORE_FORMATTED) throw new Error(`${empty} is no store of variables`);
  let at = storeStart + STORE_HEADER_BYTES;
  if (flash.readUInt16LE(at) === VARIABLE_ID) throw new Error(`${empty} has variables`);
  for (const file of readdirSync(folder)) {
    const content = readFileSync(join(folder, file));
    const [, name, guid] = /^(.+?)-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(file)!;
    const nameBytes = Buffer.from(`${name}\0`, 'utf16le');
    const value = content.subarray(4);
    const header = Buffer.alloc(VARIABLE_HEADER_BYTES);
    header.writeUInt16LE(VARIABLE_ID, 0);
    header[2] = VARIABLE_ADDED;
    content.copy(header, 4, 0, 4);
    header.writeUInt32LE(nameBytes.length, 36);
    header.writeUInt32LE(value.length, 40);
    guidBytes(guid).copy(header, 44);
    const whole = Buffer.concat([header, nameBytes, value]);
    whole.copy(flash, at);
    at += Math.ceil(whole.length / 4) * 4;
  }
  writeFileSync(to, flash);
  return to;
}
