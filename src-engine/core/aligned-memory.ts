/** Memory that O_DIRECT accepts: Node's allocator is not page-aligned, WebAssembly memory is. */

interface Limits {
  readonly initial: number;
  readonly maximum: number;
}

/** The part of the standard that is used here; TypeScript has it among the types of pages only. */
declare const WebAssembly: {
  Memory: {
    new (limits: Limits & { readonly shared: true }): { buffer: SharedArrayBuffer };
    new (limits: Limits): { buffer: ArrayBuffer };
  };
};

const PAGE_BYTES = 65_536;

const limitsFor = (lengthBytes: number): Limits => {
  const pages = Math.ceil(lengthBytes / PAGE_BYTES);
  return { initial: pages, maximum: pages };
};

/** Memory that threads share. @param lengthBytes rounded up to whole pages of 64 KiB @returns zeroed, page-aligned memory */
export const sharedMemory = (lengthBytes: number): SharedArrayBuffer =>
  new WebAssembly.Memory({ ...limitsFor(lengthBytes), shared: true }).buffer;

/** Memory of this thread alone, which V8 fills and copies many times faster than what threads share. As {@link sharedMemory}. */
export const ownMemory = (lengthBytes: number): ArrayBuffer => new WebAssembly.Memory(limitsFor(lengthBytes)).buffer;
