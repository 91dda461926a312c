/** How a client and the server come to terms: fixed newstyle negotiation. Nothing that a client sends is kept beyond the option that it belongs to. */
import type { NbdExport } from './export.port.ts';
import { PeerGone, type Peer } from './peer.ts';
import {
  ALLOCATION,
  clientOption,
  encodeOptionReply,
  EXPORT_FLAGS,
  FIXED_NEWSTYLE,
  INFO,
  NBD_MAGIC,
  NO_ZEROES,
  OPTION,
  OPTION_MAGIC,
  OPTION_REPLY,
  u16,
  u32,
  u64,
} from './protocol.ts';

export interface Terms {
  readonly isStructured: boolean;
  /** asked for `base:allocation` */
  readonly tellsAllocation: boolean;
}

/** A name has 4096 bytes at most, and every option of ours is a name and a few words more. */
const MAX_OPTION_BYTES = 64 * 1024;
/** What is longer is read and refused, up to here; what is longer still is nonsense. */
const MAX_SKIPPED_BYTES = 16 * 1024 * 1024;
/** Nobody has so much to ask. */
const MAX_OPTIONS = 1000;
const MAX_QUERIES = 64;
/** What clients take who are not told otherwise. */
const MAX_REQUEST_BYTES = 32 * 1024 * 1024;
const PREFERRED_BLOCK_BYTES = 64 * 1024;
const OLD_PADDING_BYTES = 124;

export const ALLOCATION_ID = 1;

/** @returns null where the client has taken its leave @throws PeerGone where it left, or sent what is not the protocol */
export async function shakeHands(peer: Peer, exported: NbdExport): Promise<Terms | null> {
  await peer.send((write) => write(NBD_MAGIC, OPTION_MAGIC, u16(FIXED_NEWSTYLE | NO_ZEROES)));
  const flags = (await peer.read(4)).readUInt32BE();
  if ((flags & ~(FIXED_NEWSTYLE | NO_ZEROES)) !== 0) throw new PeerGone();
  const negotiation = new Negotiation(peer, exported, (flags & NO_ZEROES) !== 0);
  for (let count = 0; count < MAX_OPTIONS; count++) {
    const end = await negotiation.next();
    if (end !== undefined) return end;
  }
  throw new PeerGone();
}

class Negotiation {
  readonly #peer: Peer;
  readonly #export: NbdExport;
  readonly #leavesOutZeroes: boolean;
  #isStructured = false;
  /** the name of the export for which `base:allocation` was asked */
  #allocationOf: string | null = null;

  constructor(peer: Peer, exported: NbdExport, leavesOutZeroes: boolean) {
    this.#peer = peer;
    this.#export = exported;
    this.#leavesOutZeroes = leavesOutZeroes;
  }

  /** Answers one option. @returns undefined where there may be more */
  async next(): Promise<Terms | null | undefined> {
    const head = await this.#peer.read(OPTION_MAGIC.length + 8);
    if (!OPTION_MAGIC.equals(head.subarray(0, OPTION_MAGIC.length))) throw new PeerGone();
    const { option, lengthBytes } = clientOption.read(head);
    if (lengthBytes > MAX_OPTION_BYTES) {
      // the oldest option has no way to say no
      if (lengthBytes > MAX_SKIPPED_BYTES || option === OPTION.EXPORT_NAME) throw new PeerGone();
      await this.#peer.skip(lengthBytes);
      return this.#reply(option, OPTION_REPLY.ERR_TOO_BIG);
    }
    const data = await this.#peer.read(lengthBytes);
    switch (option) {
      case OPTION.EXPORT_NAME:
        return this.#beginOld(data.toString('utf8'));
      case OPTION.ABORT:
        await this.#reply(option, OPTION_REPLY.ACK);
        return null;
      case OPTION.LIST:
        return this.#list(data);
      case OPTION.INFO:
      case OPTION.GO:
        return this.#info(option, data);
      case OPTION.STRUCTURED_REPLY:
        if (data.length > 0) return this.#reply(option, OPTION_REPLY.ERR_INVALID);
        this.#isStructured = true;
        return this.#reply(option, OPTION_REPLY.ACK);
      case OPTION.LIST_META_CONTEXT:
      case OPTION.SET_META_CONTEXT:
        return this.#metaContext(option, data);
      case OPTION.STARTTLS:
        return this.#reply(option, OPTION_REPLY.ERR_POLICY);
      default:
        return this.#reply(option, OPTION_REPLY.ERR_UNSUP);
    }
  }

  #reply(option: number, type: number, ...data: Buffer[]): Promise<undefined> {
    return this.#peer
      .send((write) => write(encodeOptionReply(option, type, Buffer.concat(data))))
      .then(() => undefined);
  }

  #knows(name: string): boolean {
    return name === '' || name === this.#export.name;
  }

  #terms(name: string): Terms {
    const tellsAllocation = this.#allocationOf === name;
    return { isStructured: this.#isStructured, tellsAllocation };
  }

  /** The oldest way to begin: what does not fit ends the connection. */
  async #beginOld(name: string): Promise<Terms> {
    if (!this.#knows(name)) throw new PeerGone();
    const padding = Buffer.alloc(this.#leavesOutZeroes ? 0 : OLD_PADDING_BYTES);
    await this.#peer.send((write) => write(u64(this.#export.source.lengthBytes), u16(EXPORT_FLAGS), padding));
    return this.#terms(name);
  }

  async #list(data: Buffer): Promise<undefined> {
    if (data.length > 0) return this.#reply(OPTION.LIST, OPTION_REPLY.ERR_INVALID);
    const name = Buffer.from(this.#export.name);
    await this.#reply(OPTION.LIST, OPTION_REPLY.SERVER, u32(name.length), name);
    return this.#reply(OPTION.LIST, OPTION_REPLY.ACK);
  }

  async #info(option: number, data: Buffer): Promise<Terms | undefined> {
    const fields = new Fields(data);
    const name = fields.text();
    const count = fields.u16();
    const asked = Array.from({ length: Math.min(count ?? 0, data.length) }, () => fields.u16());
    if (name === null || count === null || !fields.isAtEnd || asked.includes(null)) {
      return this.#reply(option, OPTION_REPLY.ERR_INVALID);
    }
    if (!this.#knows(name)) return this.#reply(option, OPTION_REPLY.ERR_UNKNOWN);
    const { source, name: ownName, description } = this.#export;
    const tell = (type: number, ...facts: Buffer[]) => this.#reply(option, OPTION_REPLY.INFO, u16(type), ...facts);
    await tell(INFO.EXPORT, u64(source.lengthBytes), u16(EXPORT_FLAGS));
    if (asked.includes(INFO.NAME)) await tell(INFO.NAME, Buffer.from(ownName));
    if (asked.includes(INFO.DESCRIPTION)) await tell(INFO.DESCRIPTION, Buffer.from(description));
    await tell(INFO.BLOCK_SIZE, u32(1), u32(PREFERRED_BLOCK_BYTES), u32(MAX_REQUEST_BYTES));
    await this.#reply(option, OPTION_REPLY.ACK);
    return option === OPTION.GO ? this.#terms(name) : undefined;
  }

  async #metaContext(option: number, data: Buffer): Promise<undefined> {
    const fields = new Fields(data);
    const name = fields.text();
    const count = fields.u32();
    const isSetting = option === OPTION.SET_META_CONTEXT;
    // whatever becomes of it, what was chosen before is no longer chosen
    if (isSetting) this.#allocationOf = null;
    if (name === null || count === null || count > MAX_QUERIES) return this.#reply(option, OPTION_REPLY.ERR_INVALID);
    const queries = Array.from({ length: count }, () => fields.text());
    if (queries.includes(null) || !fields.isAtEnd || (isSetting && !this.#isStructured)) {
      return this.#reply(option, OPTION_REPLY.ERR_INVALID);
    }
    if (!this.#knows(name)) return this.#reply(option, OPTION_REPLY.ERR_UNKNOWN);
    const isMeant = isSetting
      ? queries.includes(ALLOCATION)
      : count === 0 || queries.some((query) => query === ALLOCATION || query === 'base:');
    if (isMeant) {
      if (isSetting) this.#allocationOf = name;
      const id = isSetting ? ALLOCATION_ID : 0;
      await this.#reply(option, OPTION_REPLY.META_CONTEXT, u32(id), Buffer.from(ALLOCATION));
    }
    return this.#reply(option, OPTION_REPLY.ACK);
  }
}

/** What an option holds, field after field; null where it ends before. */
class Fields {
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#data.length;
  }

  u16(): number | null {
    return this.#take(2)?.readUInt16BE() ?? null;
  }

  u32(): number | null {
    return this.#take(4)?.readUInt32BE() ?? null;
  }

  text(): string | null {
    const length = this.u32();
    return length === null ? null : (this.#take(length)?.toString('utf8') ?? null);
  }

  #take(length: number): Buffer | null {
    if (length > this.#data.length - this.#at) return null;
    this.#at += length;
    return this.#data.subarray(this.#at - length, this.#at);
  }
}
