/**
 * Where pages send the files that were dropped onto them: a piece with each request, from a page of this very server that shows its session.
 * The next piece is sent when the one before it is written, so nothing piles up; what becomes of the files is the engine's.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  CommandError,
  MAX_UPLOAD_PIECE_BYTES,
  UPLOAD_PATH,
  type EngineClient,
} from '../../src-engine/contract/index.ts';
import type { RunningEngine } from '../../src-engine/host/start-engine.ts';
import type { Connections } from './connections.ts';
import { isLoopbackHost, isOwnOrigin } from './origin.ts';
import type { Session } from './session.ts';

/** `/upload/UPLOAD/FILE/OFFSET` */
const PIECE = new RegExp(`^${UPLOAD_PATH}/([\\da-f-]{36})/(\\d{1,5})/(\\d{1,16})$`);
const BEARER = /^Bearer ([\w-]{1,100})$/;

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** @returns what answers requests below {@link UPLOAD_PATH}: 204 for a piece that is written, 409 for one that is not */
export function takeUploads(engine: RunningEngine, session: Session, connections: Connections): Handler {
  let client: EngineClient | null = null;

  async function write(uploadId: string, file: number, offsetBytes: number, piece: Buffer): Promise<number> {
    client ??= engine.client();
    try {
      await client.call('upload.write', { uploadId, file, offsetBytes, piece });
      return 204;
    } catch (error) {
      // why is told to whoever waits for the upload
      return error instanceof CommandError ? 409 : 500;
    }
  }

  return async (request, response) => {
    const refusal = refusalOf(request, session);
    // what was refused is not read: the connection ends with it
    if (refusal !== null) return void response.writeHead(refusal, { Connection: 'close' }).end();
    const { socket } = request;
    connections.enter(socket);
    const [, uploadId, file, offset] = PIECE.exec(request.url!)!;
    try {
      const piece = await bodyOf(request);
      // a slow disk is not a silent peer
      const silentAfterMs = socket.timeout ?? 0;
      socket.setTimeout(0);
      const status = await write(uploadId, Number(file), Number(offset), piece);
      socket.setTimeout(silentAfterMs);
      response.writeHead(status).end();
    } catch {
      // whoever sent it is gone, and nothing of it was written
      socket.destroy();
    }
  };
}

/** @returns the status to refuse with, or null; asked before anything of the body is read */
function refusalOf({ method, url = '', headers }: IncomingMessage, session: Session): number | null {
  if (!isLoopbackHost(headers.host)) return 421;
  if (!isOwnOrigin(headers.origin, headers.host)) return 403;
  if (method !== 'PUT') return 405;
  const shown = BEARER.exec(headers.authorization ?? '')?.[1];
  if (shown === undefined || !session.isOwn(shown)) return 401;
  if (!PIECE.test(url)) return 404;
  const lengthBytes = Number(headers['content-length']);
  if (!Number.isSafeInteger(lengthBytes)) return 411;
  return lengthBytes > MAX_UPLOAD_PIECE_BYTES ? 413 : null;
}

/** @returns all of it: no more than its length says, which was looked at @throws Error where the sender ends before */
async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
