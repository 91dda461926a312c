/** `check`: the report alone, of a source for a capture, or of a template for a deploy. Changes nothing. */
import type { CheckedParams } from '../contract/commands.ts';
import type { DeviceView, PlaceView } from '../contract/disk.contract.ts';
import type { Report } from '../contract/report.contract.ts';
import type { FoundVersion } from '../catalog/template-repository.ts';
import type { Guest } from '../contract/guest.contract.ts';
import { openVolumes } from '../inspection/disk-inspection.ts';
import type { JudgingParts } from './judging-parts.ts';
import { diskOf } from '../versions/found-disk.ts';
import { openSource } from '../images/open-source.ts';
import { describeTarget } from '../machines/describe-target.ts';
import { templateSource } from '../versions/template-source.ts';
import { withManifest } from '../versions/with-manifest.ts';
import { captureReport } from './capture-report.ts';
import { deployReport } from './deploy-report.ts';
import { guestOf } from '../inspection/guest-of.ts';
import { openRulebook, type Rulebook } from './rulebook.ts';
import { usesOfSources } from './source-checks.ts';

type CheckRequest = CheckedParams<'report.check'>;

/** @throws EngineError those of opening the source; `NOT_FOUND`, `BAD_REQUEST`, `FORMAT_INVALID` for a policy or a machine that is none */
export async function checkSourceRules(
  parts: JudgingParts,
  request: CheckRequest,
  signal: AbortSignal,
): Promise<Report> {
  const book = await openRulebook(parts);
  const { source, place } = await openSource(parts.machine, request.subject, request.format, signal);
  try {
    const guest = await guestOf(source, await openVolumes(source), book.endOfLife, signal);
    const { kind = 'lab', ...rest } = request;
    const [use] = await usesOfSources(parts.machine, [place], parts.layout.root);
    return (await captureReport(parts, book, [{ place, use }], guest, null, { ...rest, kind, licence: 'none' })).report;
  } finally {
    await source.close();
  }
}

export async function checkTemplateRules(
  parts: JudgingParts,
  found: FoundVersion,
  request: CheckRequest,
  signal: AbortSignal,
): Promise<Report> {
  const book = await openRulebook(parts);
  const own = diskOf(found, 1);
  const { capacityBytes } = own.disk;
  const { sectorBytes, physicalSectorBytes } = own.disk.layout;
  const facts = { lengthBytes: capacityBytes, sectorBytes, physicalSectorBytes };
  const target = request.target === undefined ? null : await describeTarget(parts.machine, request.target, facts);
  const seen = target && { ...target, device: await deviceOf(parts, target.place) };
  return deployReport(parts, book, own, await recordedGuest(parts, book, found, signal), seen, request);
}

async function deviceOf({ machine, layout }: JudgingParts, { kind, path }: PlaceView): Promise<DeviceView | null> {
  return kind === 'device' ? machine.deviceAt(path, layout.root) : null;
}

/** As it was captured; read now where the version is from before guests were looked at. */
export async function recordedGuest(
  parts: JudgingParts,
  book: Rulebook,
  found: FoundVersion,
  signal: AbortSignal,
): Promise<Guest> {
  if (found.version.guest) return found.version.guest;
  return withManifest(parts, diskOf(found, 1), async (manifest, json) => {
    const source = templateSource(parts.index, manifest, json);
    try {
      return await guestOf(source, await openVolumes(source), book.endOfLife, signal);
    } finally {
      await source.close();
    }
  });
}
