/** Values of a registry as a hive keeps them. Source: Microsoft, "Registry value types". */

export interface HiveValue {
  /** '' is the key's own; of ASCII */
  readonly name: string;
  readonly type: number;
  readonly bytes: Buffer;
}

const REG_SZ = 1;
const REG_EXPAND_SZ = 2;
const REG_BINARY = 3;
const REG_DWORD = 4;
const REG_MULTI_SZ = 7;

const wide = (text: string) => Buffer.from(`${text}\0`, 'utf16le');

export const textValue = (name: string, text: string): HiveValue => ({ name, type: REG_SZ, bytes: wide(text) });

/** With names of the environment in it: `%SystemRoot%`. */
export const expandedValue = (name: string, text: string): HiveValue => ({
  name,
  type: REG_EXPAND_SZ,
  bytes: wide(text),
});

export const listValue = (name: string, texts: readonly string[]): HiveValue => ({
  name,
  type: REG_MULTI_SZ,
  bytes: Buffer.concat([...texts.map(wide), wide('')]),
});

export function numberValue(name: string, number: number): HiveValue {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return { name, type: REG_DWORD, bytes };
}

export const binaryValue = (name: string, bytes: Uint8Array): HiveValue => ({
  name,
  type: REG_BINARY,
  bytes: Buffer.from(bytes),
});
