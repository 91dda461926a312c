/** How a client of ours comes to terms with a server: fixed newstyle negotiation, with everything that a server may say no to. */
import { EngineError } from '../core/engine-error.ts';
import {
  encodeOption,
  FIXED_NEWSTYLE,
  INFO,
  NBD_MAGIC,
  NO_ZEROES,
  OPTION,
  OPTION_MAGIC,
  OPTION_REPLY,
  OPTION_REPLY_MAGIC,
  optionReply,
  u16,
  u32,
} from './protocol.ts';
import type { Wire } from './wire.ts';

export interface Agreed {
  readonly lengthBytes: number;
  readonly isReadOnly: boolean;
  readonly isStructured: boolean;
  /** by their names, what the server calls them; none without structured replies */
  readonly contexts: ReadonlyMap<string, number>;
  /** every request is a multiple of it */
  readonly minBlockBytes: number;
  /** the most that may be asked for at once */
  readonly maxBlockBytes: number;
}

/** A name of a context or an export, or an error's words, and a few numbers. */
const MAX_REPLY_BYTES = 64 * 1024;
const MAX_REPLIES = 1000;
/** What a server takes that says nothing of it, by the protocol. */
const USUAL_MAX_BYTES = 32 * 1024 * 1024;
const MIN_BLOCK_MAX_BYTES = 64 * 1024;
const OLD_PADDING_BYTES = 124;
const FLAG_READ_ONLY = 2;
const MAX_SAID = 200;

interface Reply {
  readonly type: number;
  readonly data: Buffer;
}

/**
 * @param place for errors
 * @param wanted names of metadata contexts; those that the server does not have are not agreed upon
 * @throws EngineError `DISK_SERVER_REFUSED` (data: place, said) where the server does not have the export, wants what is not done here (TLS), or
 *   speaks another protocol; Error of the wire
 */
export async function agree(wire: Wire, place: string, exportName: string, wanted: readonly string[]): Promise<Agreed> {
  const refused = (said: string) => new EngineError('DISK_SERVER_REFUSED', { place, said });
  const greeting = await wire.read(NBD_MAGIC.length + OPTION_MAGIC.length);
  if (!greeting.subarray(0, NBD_MAGIC.length).equals(NBD_MAGIC)) throw refused('not an NBD server');
  if (!greeting.subarray(NBD_MAGIC.length).equals(OPTION_MAGIC)) throw refused('oldstyle negotiation');
  const flags = (await wire.read(2)).readUInt16BE();
  if ((flags & FIXED_NEWSTYLE) === 0) throw refused('newstyle negotiation that is not fixed');
  const hasNoZeroes = (flags & NO_ZEROES) !== 0;
  wire.send(u32(FIXED_NEWSTYLE | (hasNoZeroes ? NO_ZEROES : 0)));

  let replies = 0;
  const reply = async (option: number): Promise<Reply> => {
    const head = optionReply.read(await wire.read(optionReply.size));
    if (head.magic !== OPTION_REPLY_MAGIC || head.option !== option) throw refused('a reply to what was not asked');
    if (head.lengthBytes > MAX_REPLY_BYTES || ++replies > MAX_REPLIES) throw refused('replies without an end');
    return { type: head.type, data: await wire.read(head.lengthBytes) };
  };
  /** All replies to an option; the last one is ACK, or says no. */
  const ask = async (option: number, ...data: Buffer[]): Promise<{ said: Reply[]; last: Reply }> => {
    wire.send(encodeOption(option, ...data));
    const said: Reply[] = [];
    for (;;) {
      const last = await reply(option);
      if (last.type === OPTION_REPLY.ACK || isError(last)) return { said, last };
      said.push(last);
    }
  };

  const name = Buffer.from(exportName);
  const isStructured = (await ask(OPTION.STRUCTURED_REPLY)).last.type === OPTION_REPLY.ACK;
  const contexts = new Map<string, number>();
  if (isStructured && wanted.length > 0) {
    const queries = wanted.flatMap((context) => [u32(Buffer.byteLength(context)), Buffer.from(context)]);
    const { said, last } = await ask(OPTION.SET_META_CONTEXT, u32(name.length), name, u32(wanted.length), ...queries);
    for (const { type, data } of last.type === OPTION_REPLY.ACK ? said : []) {
      if (type !== OPTION_REPLY.META_CONTEXT || data.length < 4) throw refused('a context without a number');
      const context = data.toString('utf8', 4);
      if (!wanted.includes(context)) throw refused('a context that was not asked for');
      contexts.set(context, data.readUInt32BE());
    }
  }

  const asked = [u32(name.length), name, u16(1), u16(INFO.BLOCK_SIZE)];
  const { said, last } = await ask(OPTION.GO, ...asked);
  if (last.type === OPTION_REPLY.ERR_UNSUP) {
    wire.send(encodeOption(OPTION.EXPORT_NAME, name));
    const about = await wire.read(10 + (hasNoZeroes ? 0 : OLD_PADDING_BYTES));
    return { ...exportOf(about, refused), isStructured, contexts, ...limitsOf(null, refused) };
  }
  if (last.type !== OPTION_REPLY.ACK) throw refused(wordsOf(last));
  const infoOf = (kind: number, lengthBytes: number) =>
    said
      .find(
        ({ type, data }) => type === OPTION_REPLY.INFO && data.length === lengthBytes && data.readUInt16BE() === kind,
      )
      ?.data.subarray(2) ?? null;
  const about = infoOf(INFO.EXPORT, 12);
  if (!about) throw refused('an export without a length');
  return { ...exportOf(about, refused), isStructured, contexts, ...limitsOf(infoOf(INFO.BLOCK_SIZE, 14), refused) };
}

type Refused = (said: string) => EngineError;

function exportOf(about: Buffer, refused: Refused): Pick<Agreed, 'lengthBytes' | 'isReadOnly'> {
  const lengthBytes = Number(about.readBigUInt64BE());
  if (!Number.isSafeInteger(lengthBytes)) throw refused('a disk that is too long');
  return { lengthBytes, isReadOnly: (about.readUInt16BE(8) & FLAG_READ_ONLY) !== 0 };
}

/** @param sizes minimum, preferred, maximum; null: as the protocol has it for who says nothing */
function limitsOf(sizes: Buffer | null, refused: Refused): Pick<Agreed, 'minBlockBytes' | 'maxBlockBytes'> {
  if (!sizes) return { minBlockBytes: 1, maxBlockBytes: USUAL_MAX_BYTES };
  const [minBlockBytes, max] = [sizes.readUInt32BE(), sizes.readUInt32BE(8)];
  const isPower = minBlockBytes > 0 && (minBlockBytes & (minBlockBytes - 1)) === 0;
  if (!isPower || minBlockBytes > MIN_BLOCK_MAX_BYTES || max < minBlockBytes)
    throw refused('blocks of an impossible size');
  return { minBlockBytes, maxBlockBytes: Math.min(max - (max % minBlockBytes), USUAL_MAX_BYTES) };
}

const isError = ({ type }: Reply) => type >= 0x8000_0000;

const WORDS: Readonly<Record<number, string>> = {
  [OPTION_REPLY.ERR_UNSUP]: 'not supported',
  [OPTION_REPLY.ERR_POLICY]: 'not allowed',
  [OPTION_REPLY.ERR_INVALID]: 'invalid',
  [OPTION_REPLY.ERR_TLS_REQD]: 'TLS required',
  [OPTION_REPLY.ERR_UNKNOWN]: 'no such export',
  [OPTION_REPLY.ERR_SHUTDOWN]: 'shutting down',
};

/** What the server says itself is for people, in whatever language. */
function wordsOf({ type, data }: Reply): string {
  const own = data
    .toString('utf8')
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, MAX_SAID);
  return [WORDS[type] ?? `error ${type - 0x8000_0000}`, own].filter(Boolean).join(': ');
}
