/** Sends files to the engine, of which a browser does not tell where they lie: a piece after the other, each read from the file when its turn comes. */
import {
  MAX_UPLOAD_PIECE_BYTES,
  UPLOAD_PATH,
  type CommandName,
  type CommandParams,
  type CommandResult,
} from '../../src-engine/contract/index.ts';
import { shownSession } from './entrance.ts';
import { uploadRefused } from './upload-refused.ts';

/** A file, and the way to it from the folder that was dropped: its name alone where it was dropped itself. */
export interface FileToSend {
  readonly path: string;
  readonly file: Blob;
}

export interface Sent {
  readonly uploadId: string;
  /** on the machine that the engine runs on */
  readonly path: string;
}

type Call = <C extends CommandName>(
  command: C,
  params: CommandParams<C>,
  signal?: AbortSignal,
) => Promise<CommandResult<C>>;

const LEAST_PIECE_BYTES = 256 * 1024;
const FAST_MS = 1_000;
const SLOW_MS = 3_000;

/**
 * @param call of the engine that takes them
 * @param signal ends it at once: nothing of it is kept
 * @param onSent is told how many bytes have arrived
 * @throws CommandError as the engine says, or `UPLOAD_REFUSED` where a file cannot be read any more or the engine is out of reach
 */
export async function sendFiles(
  call: Call,
  files: readonly FileToSend[],
  signal: AbortSignal,
  onSent: (bytes: number) => void,
): Promise<Sent> {
  const listed = files.map(({ path, file }) => ({ path, lengthBytes: file.size }));
  const { uploadId } = await call('upload.begin', { files: listed });
  const giveUp = new AbortController();
  // who waits no more does not want it: the engine removes it then
  const arrived = call('upload.wait', { uploadId }, AbortSignal.any([signal, giveUp.signal]));
  arrived.catch(() => {});
  try {
    let sentBytes = 0;
    let pieceBytes = LEAST_PIECE_BYTES;
    for (const [number, { path, file }] of files.entries()) {
      for (let offset = 0; offset < file.size;) {
        const piece = file.slice(offset, offset + pieceBytes);
        const begunAt = performance.now();
        const status = await put(`${UPLOAD_PATH}/${uploadId}/${number}/${offset}`, piece, signal);
        // the engine tells why to who waits
        if (status === 409) await arrived;
        if (status !== 204) throw uploadRefused('unread', { name: path });
        offset += piece.size;
        onSent((sentBytes += piece.size));
        pieceBytes = nextPiece(pieceBytes, performance.now() - begunAt);
      }
    }
    return { uploadId, ...(await arrived) };
  } finally {
    giveUp.abort();
  }
}

/** The server waits for a piece for some seconds: on a slow line pieces stay small, on a fast one they grow. */
function nextPiece(bytes: number, tookMs: number): number {
  if (tookMs < FAST_MS) return Math.min(MAX_UPLOAD_PIECE_BYTES, bytes * 2);
  return tookMs > SLOW_MS ? Math.max(LEAST_PIECE_BYTES, bytes / 2) : bytes;
}

/** @returns the answer's status; 0: the file cannot be read, or nobody answers */
async function put(address: string, body: Blob, signal: AbortSignal): Promise<number> {
  try {
    const headers = { Authorization: `Bearer ${shownSession()}` };
    return (await fetch(address, { method: 'PUT', body, headers, signal })).status;
  } catch {
    signal.throwIfAborted();
    return 0;
  }
}
