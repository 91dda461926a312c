/** A version is started straight from the store: what it showed and said is told, and stays with it. */
import type { FoundVersion } from '../catalog/template-repository.ts';
import {
  BOOT_CONSOLE_NAME,
  BOOT_PICTURE_NAME,
  secureBootNeeds,
  type BootChoice,
  type BootEvidence,
} from '../contract/boot.contract.ts';
import type { JobResult } from '../contract/job.contract.ts';
import { MAX_ATTACHMENT_BYTES } from '../contract/template.contract.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import { bootFirst } from '../inspection/boots.ts';
import { bootFactsOf, busOf } from '../judgement/boot-facts.ts';
import { proveBoot, type BootProof } from '../machines/qemu/prove-boot.ts';
import { findTool, TOOL_PACKAGES } from '../tools/tools.ts';
import { addAttachment } from '../versions/attachments.ts';
import { diskOf } from '../versions/found-disk.ts';
import { openStoredDisk, type StoredDisk } from '../versions/open-stored-disk.ts';
import type { EngineParts } from './engine-parts.ts';

/** What was seen and said, whichever way it went. */
export type Tell = (evidence: BootEvidence) => Promise<void> | void;

/** @throws EngineError `BAD_REQUEST` for what no machine is */
export function refuseNoMachine(choice: BootChoice): void {
  const needs = secureBootNeeds(choice);
  if (needs) throw new EngineError('BAD_REQUEST', { field: 'isSecureBoot', reason: `secure boot needs ${needs}` });
}

/** Before anything is done: whether it can be proven afterwards. @throws EngineError `TOOL_MISSING`; as {@link refuseNoMachine} */
export function refuseUnprovable(choice: BootChoice): void {
  refuseNoMachine(choice);
  const tool = 'qemu-system-x86_64';
  if (!findTool(tool)) throw new EngineError('TOOL_MISSING', { tool, package: TOOL_PACKAGES[tool] });
}

/** @throws EngineError those of {@link proveBoot} and of reading a version */
export async function proveVersion(
  parts: EngineParts,
  found: FoundVersion,
  choice: BootChoice,
  tell: Tell,
  context: JobContext,
): Promise<BootProof> {
  const { template, version } = found;
  context.phase('booting', 0);
  const opened: StoredDisk[] = [];
  try {
    const inOrder = bootFirst(version.disks.map((disk, i) => ({ ...disk, role: roleOf(disk.role), number: i + 1 })));
    for (const { number } of inOrder) opened.push(await openStoredDisk(parts, diskOf(found, number)));
    const disks = opened.map(({ source }, i) => ({ source, bus: busOf(inOrder[i].bus) }));
    const subject = { ...bootFactsOf(version), name: `${template.name}@${version.number}`, disks };
    const proof = await proveBoot(subject, choice, context.signal);
    await tell(evidenceOf(proof));
    await keep(parts, found, proof, context);
    parts.audit.add('template.booted', template.name, {
      templateId: template.id,
      version: version.number,
      sign: proof.sight?.sign ?? null,
      error: proof.error?.code ?? null,
    });
    return proof;
  } finally {
    for (const disk of opened) await disk.close();
  }
}

/**
 * As the last step of a capture or an import. Whatever comes of it, also where it could not be tried or was cancelled, the version is there by
 * then, whole, and stays.
 * @param results of its disks @param choice null: it is not wanted
 * @returns them, with what was seen, or why it is not proven, at the first
 */
export async function proveStored(
  parts: EngineParts,
  results: readonly JobResult[],
  choice: BootChoice | null,
  tell: Tell,
  context: JobContext,
): Promise<readonly JobResult[]> {
  const [first, ...others] = results;
  if (!choice || first.templateId === null || first.versionNumber === null) return results;
  const reference = `${first.templateId}@${first.versionNumber}`;
  const proven = await attempt(() => proveVersion(parts, parts.templates.find(reference), choice, tell, context));
  if (proven.error) {
    const { name } = parts.templates.find(reference).template;
    context.warn({ code: 'NOT_PROVEN', data: { name: `${name}@${first.versionNumber}` } });
  }
  const { sight, error } = proven;
  return [{ ...first, ...(sight && { boot: sight }), ...(error && { notProven: error.toView() }) }, ...others];
}

/** What comes of it, whichever way it goes. */
export async function attempt(prove: () => Promise<BootProof>): Promise<Pick<BootProof, 'sight' | 'error'>> {
  try {
    return await prove();
  } catch (thrown) {
    return { sight: null, error: toEngineError(thrown) };
  }
}

const roleOf = (role: string): 'boot' | 'data' => (role === 'boot' ? 'boot' : 'data');

export function evidenceOf({ console, picture }: BootProof): BootEvidence {
  return { console, pictureBase64: picture?.toString('base64') ?? null };
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
