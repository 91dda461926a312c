/** The first page of an empty swap area, as mkswap makes it: Linux, include/linux/swap.h, union swap_header (version 1). */
const PAGE_BYTES = 4096;

/**
 * @param lengthBytes of the whole area, at least two pages
 * @param uuid as text; '' for none
 * @param label at most 15 bytes of it are kept
 */
export function swapHeader(lengthBytes: number, uuid: string, label: string): Buffer {
  const page = Buffer.alloc(PAGE_BYTES);
  page.writeUInt32LE(1, 1024);
  page.writeUInt32LE(Math.min(Math.floor(lengthBytes / PAGE_BYTES) - 1, 2 ** 32 - 1), 1028);
  Buffer.from(uuid.replaceAll('-', ''), 'hex').copy(page, 1036, 0, 16);
  Buffer.from(label, 'utf8').copy(page, 1052, 0, 15);
  page.write('SWAPSPACE2', PAGE_BYTES - 10, 'latin1');
  return page;
}
