/** Which version a kernel's file is: what it says of itself counts, since names may have none (`vmlinuz-linux`). */
import type { GuestFiles } from '../guest-files.ts';

/** Linux, Documentation/arch/x86/boot.rst: "HdrS" at 0x202, and at 0x20e where the version stands, counted from 0x200. */
const [MAGIC_AT, VERSION_AT, COUNTED_FROM] = [0x202, 0x20e, 0x200];
const HEAD_BYTES = 0x200 + 0x10000;
const VERSION = /^[\w.+~-]{1,120}/;

/** @returns null where it does not say */
export async function kernelVersionOf(files: GuestFiles, path: string): Promise<string | null> {
  const head = await files.head(path, HEAD_BYTES);
  if (!head || head.length < VERSION_AT + 2 || head.toString('latin1', MAGIC_AT, MAGIC_AT + 4) !== 'HdrS') return null;
  const pointer = head.readUInt16LE(VERSION_AT);
  if (pointer === 0) return null;
  const at = COUNTED_FROM + pointer;
  const version = VERSION.exec(head.toString('latin1', at, at + 120))?.[0];
  // something else may stand there: a version begins with a number
  return version !== undefined && /^\d+\.\d/.test(version) ? version : null;
}
