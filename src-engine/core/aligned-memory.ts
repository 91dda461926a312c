/** Memory that O_DIRECT accepts and threads share: Node's allocator is not page-aligned, WebAssembly memory is. */

/** The part of the standard that is used here; TypeScript has it among the types of pages only. */
declare const WebAssembly: {
  Memory: new (limits: { initial: number; maximum: number; shared: boolean }) => { buffer: SharedArrayBuffer };
};

const PAGE_BYTES = 65_536;

/** @param lengthBytes rounded up to whole pages of 64 KiB @returns zeroed, page-aligned memory */
export function alignedMemory(lengthBytes: number): SharedArrayBuffer {
  const pages = Math.ceil(lengthBytes / PAGE_BYTES);
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }).buffer;
}
