/** The head of an EFI program: Microsoft PE format, "MS-DOS Stub" to "Optional Header"; UEFI 2.10, 2.1.1. */
import { struct, u16le, u32le } from '../core/struct.ts';

/** As the fallback loader is called for each: UEFI 2.10, 3.5.1.1. */
const ARCHITECTURES: ReadonlyMap<number, string> = new Map([
  [0x8664, 'x64'],
  [0x14c, 'ia32'],
  [0xaa64, 'aa64'],
  [0x1c2, 'arm'],
  [0x5064, 'riscv64'],
  [0x6264, 'loongarch64'],
]);

const stubStruct = struct(64, { magic: u16le(0), headerAt: u32le(60) });
const headerStruct = struct(24 + 70, {
  magic: u32le(0),
  machine: u16le(4),
  kind: u16le(24),
  subsystem: u16le(24 + 68),
});
const STUB_MAGIC = 0x5a4d;
const HEADER_MAGIC = 0x4550;
const KINDS = [0x10b, 0x20b];
const EFI_APPLICATION = 10;

/** As much of a file as has to be shown to {@link efiArchitecture}. */
export const EFI_HEAD_BYTES = 4096;

/** @param head the file's beginning @returns the architecture as it stands in `BOOTx64.EFI`; null for what no firmware would start */
export function efiArchitecture(head: Uint8Array): string | null {
  if (head.length < stubStruct.size) return null;
  const { magic, headerAt } = stubStruct.read(head);
  if (magic !== STUB_MAGIC || headerAt > head.length - headerStruct.size) return null;
  const header = headerStruct.read(head, headerAt);
  const isProgram = header.magic === HEADER_MAGIC && KINDS.includes(header.kind);
  return isProgram && header.subsystem === EFI_APPLICATION ? (ARCHITECTURES.get(header.machine) ?? null) : null;
}
