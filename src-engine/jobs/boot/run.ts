/** Boot proof: a version, an image file or an attached disk is started in a virtual machine of its own, and stays as it is. */
import type { FoundVersion } from '../../catalog/template-repository.ts';
import type { BootChoice } from '../../contract/boot.contract.ts';
import type { DiskFormat } from '../../contract/disk.contract.ts';
import type { JobResult } from '../../contract/job.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { openSource } from '../../images/open-source.ts';
import { bootFactsOn } from '../../judgement/boot-facts.ts';
import { checkSource, usesOfSources } from '../../judgement/source-checks.ts';
import { openRulebook } from '../../judgement/rulebook.ts';
import { proveBoot, type BootProof } from '../../machines/qemu/prove-boot.ts';
import type { EngineParts } from '../engine-parts.ts';
import { evidenceOf, proveVersion, type Tell } from '../prove-version.ts';

/**
 * A version straight from the store. What it showed and said is added to it.
 * @throws EngineError `BOOT_…` for each way in which it went wrong, with what was seen last; those of {@link proveVersion}
 */
export async function runBootOfVersion(
  parts: EngineParts,
  found: FoundVersion,
  choice: BootChoice,
  tell: Tell,
  context: JobContext,
): Promise<JobResult> {
  const proof = await proveVersion(parts, found, choice, tell, context);
  return { ...resultOf(proof), templateId: found.template.id, versionNumber: found.version.number };
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
    await tell(evidenceOf(proof));
    await opened.refuseChanged();
    return { ...resultOf(proof), templateId: null, versionNumber: null };
  } finally {
    await opened.source.close();
  }
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
