/** What is added to a version after its capture: a picture, a console's text, a report. Kept whole or not at all, checked when it is read. */
import { createHash, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { AttachmentRecordSchema, type AttachmentRecord, type VersionRecord } from '../catalog/records/index.ts';
import {
  MAX_ATTACHMENT_BYTES,
  MAX_ATTACHMENTS,
  MAX_ATTACHMENTS_BYTES,
  type AttachmentView,
} from '../contract/template.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import { attachmentNames, attachmentPath, readAttachmentFile, writeAttachmentFile } from '../store/attachment-file.ts';
import type { StoredParts } from './stored-parts.ts';
import { joinWriters } from './leftovers.ts';
import { isUntold } from './untold.ts';
import { refuseOlderThanFile, writeTemplateRecord } from './template-record-file.ts';

export interface NewAttachment extends Pick<AttachmentView, 'name' | 'mediaType'> {
  readonly content: Uint8Array;
}

/** What an attachment's file says of itself. */
const AboutSchema = z.object({
  /** the manifest of its version's first disk */
  manifest: z.string().min(1).max(200),
  attachment: AttachmentRecordSchema,
});

export interface ReadAttachment extends z.infer<typeof AboutSchema> {
  readonly content: Buffer;
}

/**
 * @param reference a template, or one version of it
 * @throws EngineError `TEMPLATE_NOT_FOUND`, `CATALOG_BUSY`, `DISK_FULL`; `ATTACHMENT_TOO_LARGE` where it, or all of its version together,
 *   are larger or more than they may be; `BAD_REQUEST` for a name or a type that is none
 */
export async function addAttachment(
  parts: StoredParts,
  reference: string,
  added: NewAttachment,
): Promise<AttachmentView> {
  const lock = await joinWriters(parts, 'attachment');
  try {
    const { template, version, manifests } = parts.templates.find(reference);
    await refuseOlderThanFile(parts, template.id);
    const attachment = newAttachment(added);
    refuseTooMuch(version.attachments, attachment);
    parts.templates.expectManifest(attachment.file);
    await writeAttachmentFile(
      parts.layout,
      attachment.file,
      { manifest: manifests[0], attachment } satisfies z.infer<typeof AboutSchema>,
      added.content,
    );
    parts.templates.addAttachment(manifests[0], attachment);
    await writeTemplateRecord(parts, template.id);
    parts.audit.add('attachment.added', template.name, {
      templateId: template.id,
      version: version.number,
      name: attachment.name,
      lengthBytes: attachment.lengthBytes,
    });
    const { file: id, sha256: _, ...view } = attachment;
    return { ...view, id };
  } finally {
    lock.release();
  }
}

/** @param id as the version's list has it @throws EngineError `TEMPLATE_NOT_FOUND`, `NOT_FOUND`, `ATTACHMENT_DAMAGED`, `READ_FAILED` */
export async function readAttachment(parts: StoredParts, reference: string, id: string): Promise<Buffer> {
  const { version } = parts.templates.find(reference);
  if (!version.attachments.some((one) => one.id === id)) throw new EngineError('NOT_FOUND', { path: id });
  return (await checkedAttachment(attachmentPath(parts.layout, id), id)).content;
}

/** @param name null: whatever it says @throws EngineError `ATTACHMENT_DAMAGED`, `READ_FAILED` */
export async function checkedAttachment(path: string, name: string | null): Promise<ReadAttachment> {
  const { about, content } = await readAttachmentFile(path, MAX_ATTACHMENT_BYTES);
  const parsed = AboutSchema.safeParse(about);
  const reason = !parsed.success
    ? 'description'
    : name !== null && parsed.data.attachment.file !== name
      ? 'name'
      : parsed.data.attachment.lengthBytes !== content.length || parsed.data.attachment.sha256 !== sha256Of(content)
        ? 'checksum'
        : null;
  if (!parsed.success || reason !== null) throw new EngineError('ATTACHMENT_DAMAGED', { path, reason });
  return { ...parsed.data, content };
}

/** After a repair: versions get back what is there and they do not name. @param tell of what cannot be read */
export async function bringBackAttachments(
  parts: StoredParts,
  tell: (path: string, error: EngineError) => void,
): Promise<void> {
  const known = new Set(parts.templates.attachments().map(({ file }) => file));
  const found: ReadAttachment[] = [];
  for (const name of attachmentNames(parts.layout).filter((one) => !known.has(one))) {
    const path = attachmentPath(parts.layout, name);
    try {
      found.push({ ...(await checkedAttachment(path, name)), content: Buffer.alloc(0) });
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      tell(path, error);
    }
  }
  for (const { manifest, attachment } of found.sort((a, b) => (a.attachment.addedAt < b.attachment.addedAt ? -1 : 1))) {
    const record = recordOf(parts, manifest);
    if (record && record.attachments.length < MAX_ATTACHMENTS) parts.templates.addAttachment(manifest, attachment);
  }
}

/** @returns null where there is none that is understood here */
function recordOf(parts: StoredParts, manifest: string): VersionRecord | null {
  try {
    return parts.templates.soundVersion(manifest)?.record ?? null;
  } catch (error) {
    if (isUntold(error)) return null;
    throw error;
  }
}

function newAttachment({ name, mediaType, content }: NewAttachment): AttachmentRecord {
  const lengthBytes = content.length;
  if (lengthBytes > MAX_ATTACHMENT_BYTES) throw tooLarge(name, lengthBytes, MAX_ATTACHMENT_BYTES);
  const addedAt = new Date().toISOString();
  const attachment = { file: randomUUID(), name, mediaType, lengthBytes, sha256: sha256Of(content), addedAt };
  const checked = AttachmentRecordSchema.safeParse(attachment);
  if (checked.success) return checked.data;
  const field = String(checked.error.issues[0].path[0]);
  throw new EngineError('BAD_REQUEST', { field, reason: field });
}

function refuseTooMuch(present: readonly AttachmentView[], { name, lengthBytes }: AttachmentRecord): void {
  const sum = present.reduce((total, one) => total + one.lengthBytes, lengthBytes);
  if (present.length >= MAX_ATTACHMENTS || sum > MAX_ATTACHMENTS_BYTES)
    throw tooLarge(name, sum, MAX_ATTACHMENTS_BYTES);
}

const tooLarge = (name: string, lengthBytes: number, maxBytes: number) =>
  new EngineError('ATTACHMENT_TOO_LARGE', { name, lengthBytes, maxBytes });

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
