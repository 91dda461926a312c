/**
 * Attachments: what was added to a version after its capture, a file each in the folder of manifests. FORMAT.md has the layout. A file
 * says whose it is, so that it finds its version again where the database is lost.
 */
import { readFile } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { EngineError, ioError } from '../core/engine-error.ts';
import { raw, struct, u32le } from '../core/struct.ts';
import { writeDurably } from '../core/durable.ts';
import type { StoreLayout } from './store-layout.ts';

const MAGIC = Buffer.from('DPATTCH1');
const ENDING = '.dpa';
/** Names and sums. */
const MAX_JSON_BYTES = 64 * 1024;

const header = struct(16, { magic: raw(0, 8), jsonBytes: u32le(8), jsonCrc: u32le(12) });

export const attachmentPath = ({ manifests }: StoreLayout, name: string) => join(manifests, name + ENDING);

/** Names of the attachments that are there. */
export const attachmentNames = ({ manifests }: StoreLayout): string[] =>
  readdirSync(manifests)
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length));

/** @param about whose it is, and the SHA-256 of its content @throws EngineError `DISK_FULL`, `WRITE_FAILED` */
export async function writeAttachmentFile(
  layout: StoreLayout,
  name: string,
  about: unknown,
  content: Uint8Array,
): Promise<void> {
  const json = Buffer.from(JSON.stringify(about));
  const head = Buffer.alloc(header.size);
  header.write(head, { magic: MAGIC, jsonBytes: json.length, jsonCrc: crc32(json) });
  await writeDurably(layout.scratch, attachmentPath(layout, name), Buffer.concat([head, json, content]));
}

/**
 * @param maxBytes of the content
 * @returns what it says of itself, to be checked against a schema, and its content, to be checked against the sum in that
 * @throws EngineError `ATTACHMENT_DAMAGED`; `READ_FAILED` where the system cannot read it now
 */
export async function readAttachmentFile(path: string, maxBytes: number): Promise<{ about: unknown; content: Buffer }> {
  const damaged = (reason: string) => new EngineError('ATTACHMENT_DAMAGED', { path, reason });
  const file = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? damaged('missing') : ioError(error, 'READ_FAILED', { path, offsetBytes: 0 });
  });
  if (file.length < header.size || file.length > header.size + MAX_JSON_BYTES + maxBytes) throw damaged('length');
  const { magic, jsonBytes, jsonCrc } = header.read(file);
  if (!MAGIC.equals(magic)) throw damaged('magic');
  const end = header.size + jsonBytes;
  if (jsonBytes > MAX_JSON_BYTES || end > file.length) throw damaged('json length');
  const json = file.subarray(header.size, end);
  if (crc32(json) !== jsonCrc) throw damaged('json checksum');
  return { about: JSON.parse(json.toString()) as unknown, content: file.subarray(end) };
}
