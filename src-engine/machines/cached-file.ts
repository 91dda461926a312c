/** Whether a file lies in the page cache: Node cannot ask the kernel (mincore(2)), fincore(1) does. */
import type { FileHandle } from 'node:fs/promises';
import { runTool } from '../tools/run-tool.ts';

const BLOCK_BYTES = 512;
const DEADLINE_MS = 10_000;
/** Of what the file takes: what is missing is read from the disk through the cache, which is slower than past it, and spares nothing. */
const MOST = 3 / 4;

/** @returns whether most of what the file takes on its disk lies in memory already; false where nobody can say */
export async function isMostlyCached(handle: FileHandle): Promise<boolean> {
  const { blocks } = await handle.stat();
  const options = { signal: new AbortController().signal, deadlineMs: DEADLINE_MS, descriptors: [handle.fd] };
  const asked = runTool('fincore', ['--bytes', '--noheadings', '--output', 'RES', '/proc/self/fd/3'], options);
  const told = await asked.then(({ stdout }) => stdout.toString('latin1').trim()).catch(() => '');
  return /^\d+$/.test(told) && blocks > 0 && Number(told) >= blocks * BLOCK_BYTES * MOST;
}
