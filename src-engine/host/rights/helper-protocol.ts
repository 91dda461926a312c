/**
 * What an engine without rights and its helper with root's say to each other. The engine says one thing, on the helper's standard input: a line of
 * JSON, what is to be done; and takes it back by closing that. The helper says lines of JSON on standard error. Whatever else comes on either is
 * no message. Nothing in here is a command, a program or an option.
 */
import { z } from 'zod';
import { PlaceViewSchema } from '../../contract/disk.contract.ts';
import { ErrorViewSchema } from '../../contract/errors.ts';
import { JobResultSchema, PHASES, ProgressSchema } from '../../contract/job.contract.ts';
import { WarningSchema } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import { DeployRecordSchema } from '../../jobs/plan-records.ts';

/** A plan's record holds the files that go into a guest, of 16 MiB each. */
export const MAX_REQUEST_BYTES = 64 * 1024 * 1024;
/** A result has the files that were changed in it. */
const MAX_MESSAGE_CHARACTERS = 16 * 1024 * 1024;
/** As many as a job can have. */
const MAX_PARTS = 64;
const path = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^\/[^\0]*$/);

const HelperRequestSchema = z.discriminatedUnion('task', [
  z.strictObject({
    task: z.literal('deploy'),
    /** the folder of the person's catalog, in which the templates are */
    catalog: path,
    records: z.array(DeployRecordSchema).min(1).max(MAX_PARTS),
  }),
  z.strictObject({
    task: z.literal('read'),
    /** the disk as it was found, whose blocks are served as NBD on the helper's standard output, which is a socket */
    place: PlaceViewSchema,
  }),
]);
export type HelperRequest = z.infer<typeof HelperRequestSchema>;

/** Of several parts: which, from 0. */
const part = z
  .number()
  .int()
  .min(0)
  .max(MAX_PARTS - 1);

const HelperMessageSchema = z.discriminatedUnion('say', [
  /** it has the rights, and what is to be done is understood */
  z.strictObject({ say: z.literal('begun') }),
  z.strictObject({ say: z.literal('phase'), part, phase: z.enum(PHASES), totalBytes: z.number().nonnegative() }),
  z.strictObject({ say: z.literal('advance'), part, bytes: z.number().nonnegative() }),
  z.strictObject({ say: z.literal('slowest'), part, what: ProgressSchema.shape.slowest }),
  z.strictObject({ say: z.literal('warn'), part, warning: WarningSchema }),
  z.strictObject({ say: z.literal('done'), part, result: JobResultSchema }),
  z.strictObject({ say: z.literal('failed'), part, error: ErrorViewSchema }),
  /** nothing is done, or nothing more */
  z.strictObject({ say: z.literal('refused'), error: ErrorViewSchema }),
]);
export type HelperMessage = z.infer<typeof HelperMessageSchema>;
export type Say = (message: HelperMessage) => void;

/**
 * The one request of a stream, up to its first line end; what follows that is not read.
 * @throws EngineError `RIGHTS_WITHHELD` for what is none, is too long, ends early, or does not come in time
 */
export async function readRequest(input: NodeJS.ReadableStream, withinMs: number): Promise<HelperRequest> {
  const pieces: Buffer[] = [];
  let lengthBytes = 0;
  const text = await new Promise<string>((resolve, reject) => {
    const refuse = (why: string) => reject(withheld('request', why));
    const deadline = setTimeout(() => refuse('late'), withinMs);
    const settle = (end: () => void) => {
      clearTimeout(deadline);
      input.off('data', take).off('end', ended).off('error', ended);
      end();
    };
    const ended = () => settle(() => refuse('ended early'));
    const take = (piece: Buffer) => {
      const end = piece.indexOf(0x0a);
      const own = end < 0 ? piece : piece.subarray(0, end);
      lengthBytes += own.length;
      if (lengthBytes > MAX_REQUEST_BYTES) return settle(() => refuse('too long'));
      pieces.push(own);
      if (end >= 0) settle(() => resolve(Buffer.concat(pieces).toString('utf8')));
    };
    input.on('data', take).on('end', ended).on('error', ended);
  });
  return parseRequest(text);
}

/** @throws EngineError `RIGHTS_WITHHELD` */
function parseRequest(text: string): HelperRequest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw withheld('request', 'no JSON');
  }
  const parsed = HelperRequestSchema.safeParse(json);
  if (!parsed.success) throw withheld('request', parsed.error.issues[0].path.join('.'));
  return parsed.data;
}

/** @param reason words: `withheld.REASON` @param details for logs */
export const withheld = (reason: WithheldReason, details = '', path = ''): EngineError =>
  new EngineError('RIGHTS_WITHHELD', { reason, path, details });

/** Why the helper does not do what it was asked for. Words: `withheld.REASON`. */
type WithheldReason =
  /** what it was told is not what an engine says */
  | 'request'
  /** it was not started by polkit for a person, or with settings that change what it does */
  | 'start'
  /** the catalog is not the person's own, or others may write to it */
  | 'catalog'
  /** this system cannot keep links out of the catalog */
  | 'links'
  /** the plan is none that it carries out */
  | 'plan';

/** Lines of a stream that are messages, told one by one. @returns what else was said, for who asks why it ended */
export function hearMessages(stream: NodeJS.ReadableStream, hear: (message: HelperMessage) => void): () => string {
  let rest = '';
  let said = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!.slice(0, MAX_MESSAGE_CHARACTERS);
    for (const line of lines) {
      const message = messageOf(line);
      if (message) hear(message);
      else said = `${said}${line}\n`.slice(-MAX_SAID_CHARACTERS);
    }
  });
  return () => (said + rest).trim().slice(-MAX_SAID_CHARACTERS);
}

const MAX_SAID_CHARACTERS = 500;

function messageOf(line: string): HelperMessage | null {
  if (!line.startsWith('{')) return null;
  try {
    return HelperMessageSchema.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
