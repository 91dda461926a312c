/** Boot proof: a version, an image file or an attached disk is started in a virtual machine of its own, and stays as it is. */
import type { FoundVersion } from '../../catalog/template-repository.ts';
import {
  BOOT_CONSOLE_NAME,
  BOOT_PICTURE_NAME,
  type BootChoice,
  type BootEvidence,
} from '../../contract/boot.contract.ts';
import type { DiskFormat } from '../../contract/disk.contract.ts';
import type { JobResult } from '../../contract/job.contract.ts';
import { MAX_ATTACHMENT_BYTES } from '../../contract/template.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { openSource } from '../../images/open-source.ts';
import { bootFirst } from '../../inspection/boots.ts';
import { bootFactsOf, bootFactsOn, busOf } from '../../judgement/boot-facts.ts';
import { checkSource, usesOfSources } from '../../judgement/source-checks.ts';
import { openRulebook } from '../../judgement/rulebook.ts';
import { proveBoot, type BootProof } from '../../machines/qemu/prove-boot.ts';
import { addAttachment } from '../../versions/attachments.ts';
import { diskOf } from '../../versions/found-disk.ts';
import { openStoredDisk, type StoredDisk } from '../../versions/open-stored-disk.ts';
import type { EngineParts } from '../engine-parts.ts';

/** What was seen and said, whichever way it went. */
export type Tell = (evidence: BootEvidence) => void;

/**
 * A version straight from the store. What it showed and said is added to it.
 * @throws EngineError `BOOT_…` for each way in which it went wrong, with what was seen last; those of {@link proveBoot}
 */
export async function runBootOfVersion(
  parts: EngineParts,
  found: FoundVersion,
  choice: BootChoice,
  tell: Tell,
  context: JobContext,
): Promise<JobResult> {
  const { template, version } = found;
  context.phase('booting', 0);
  const opened: StoredDisk[] = [];
  try {
    const inOrder = bootFirst(version.disks.map((disk, i) => ({ ...disk, role: roleOf(disk.role), number: i + 1 })));
    for (const { number } of inOrder) opened.push(await openStoredDisk(parts, diskOf(found, number)));
    const disks = opened.map(({ source }, i) => ({ source, bus: busOf(inOrder[i].bus) }));
    const subject = { ...bootFactsOf(version), name: `${template.name}@${version.number}`, disks };
    const proof = await proveBoot(subject, choice, context.signal);
    tell(evidenceOf(proof));
    await keep(parts, found, proof, context);
    parts.audit.add('template.booted', template.name, {
      templateId: template.id,
      version: version.number,
      sign: proof.sight?.sign ?? null,
      error: proof.error?.code ?? null,
    });
    return { ...resultOf(proof), templateId: template.id, versionNumber: version.number };
  } finally {
    for (const disk of opened) await disk.close();
  }
}

/**
 * An image file of whatever format, or an attached disk: opened read-only, and compared with what it was when it was opened.
 * @throws EngineError as {@link runBootOfVersion}; `PLAN_BLOCKED` where somebody writes to it, `SOURCE_CHANGED` where somebody did; those of
 *   {@link openSource}
 */
export async function runBootOfPlace(
  parts: EngineParts,
  path: string,
  format: DiskFormat | null,
  choice: BootChoice,
  tell: Tell,
  context: JobContext,
): Promise<JobResult> {
  context.phase('booting', 0);
  const opened = await openSource(parts.machine, path, format, context.signal);
  try {
    const [use] = await usesOfSources(parts.machine, [opened.place], parts.layout.root);
    const block = checkSource(opened.place, use).find(({ level }) => level === 'block');
    if (block) throw new EngineError('PLAN_BLOCKED', { ...block.data, check: block.code });
    opened.warnings.forEach((warning) => context.warn(warning));
    const { endOfLife } = await openRulebook(parts);
    const facts = await bootFactsOn(opened.source, endOfLife, context.signal);
    const subject = { ...facts, name: opened.place.path, disks: [{ source: opened.source, bus: null }] };
    const proof = await proveBoot(subject, choice, context.signal);
    tell(evidenceOf(proof));
    await opened.refuseChanged();
    return { ...resultOf(proof), templateId: null, versionNumber: null };
  } finally {
    await opened.source.close();
  }
}

const roleOf = (role: string): 'boot' | 'data' => (role === 'boot' ? 'boot' : 'data');

function evidenceOf({ console, picture }: BootProof): BootEvidence {
  return { console, pictureBase64: picture?.toString('base64') ?? null };
}

/** @throws EngineError why the sign did not come */
function resultOf({ sight, error }: BootProof): JobResult {
  if (error) throw error;
  return {
    templateId: null,
    versionNumber: null,
    processedBytes: 0,
    storedBytes: 0,
    verifiedBytes: 0,
    readBack: 'none',
    damagedTemplates: [],
    ...(sight && { boot: sight }),
  };
}

/** A catalog that cannot be written to, or a version that has enough of them, is no reason against what was seen. */
async function keep(parts: EngineParts, found: FoundVersion, proof: BootProof, context: JobContext): Promise<void> {
  const { template, version } = found;
  const prefix = proof.error ? 'failed-' : '';
  const pieces = [
    { name: prefix + BOOT_PICTURE_NAME, mediaType: 'image/png', content: proof.picture ?? Buffer.alloc(0) },
    { name: prefix + BOOT_CONSOLE_NAME, mediaType: 'text/plain', content: Buffer.from(proof.console) },
  ];
  for (const piece of pieces) {
    if (piece.content.length === 0 || piece.content.length > MAX_ATTACHMENT_BYTES) continue;
    try {
      await addAttachment(parts, `${template.id}@${version.number}`, piece);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      context.warn({ code: 'ATTACHMENT_NOT_KEPT', data: { name: piece.name, reason: error.code } });
    }
  }
}
