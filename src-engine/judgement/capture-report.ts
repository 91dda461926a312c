/** The report for a capture or an import: may this disk become a template of that kind? */
import type { PlaceView } from '../contract/disk.contract.ts';
import type { Guest } from '../contract/guest.contract.ts';
import type { MachineProfile } from '../contract/machine.contract.ts';
import type { Report } from '../contract/report.contract.ts';
import type { TemplateView } from '../contract/template.contract.ts';
import type { SourceUse } from './source-checks.ts';
import type { JudgingParts } from './judging-parts.ts';
import { chosenMachine } from './chosen-machine.ts';
import { captureFacts } from './facts.ts';
import { makeReport } from './make-report.ts';
import { platformOf, type Platform } from './platform.ts';
import { choosePolicy, type Rulebook } from './rulebook.ts';

export interface CaptureReportRequest {
  readonly kind: TemplateView['kind'];
  readonly licence: TemplateView['licence'];
  readonly policy?: string;
  readonly machine?: string;
  readonly overrides: readonly string[];
  /** the virtual machine whose disks they are; none where it is left out */
  readonly owner?: MachineProfile | null;
}

export interface CaptureReport {
  readonly report: Report;
  /** the machine that the source belongs to; null: nobody knows */
  readonly machine: MachineProfile | null;
  readonly platform: Platform['value'];
}

/**
 * @param disks where they are, and what the machine knows of them; the boot disk first
 * @param existing the template that this becomes a version of
 * @throws EngineError `NOT_FOUND`, `BAD_REQUEST`, `FORMAT_INVALID` for a policy or a machine that is none
 */
export async function captureReport(
  parts: JudgingParts,
  book: Rulebook,
  disks: readonly { readonly place: PlaceView; readonly use: SourceUse }[],
  guest: Guest,
  existing: TemplateView | null,
  request: CaptureReportRequest,
): Promise<CaptureReport> {
  const { kind, licence } = existing ?? request;
  const policy = choosePolicy(book, kind, request.policy ?? existing?.policy ?? null);
  const [{ place, use }] = disks;
  const { owner = null } = request;
  const isNamed = request.machine !== undefined || owner !== null;
  const machine =
    request.machine === undefined && owner ? owner : await chosenMachine(parts, request.machine ?? null, use.device);
  const platform = platformOf(place, use.device, isNamed ? machine : null);
  const facts = captureFacts({
    path: place.path,
    lengthBytes: Math.max(...disks.map((disk) => disk.place.lengthBytes)),
    disks: disks.length,
    platform,
    isOffline: disks.every((disk) => disk.use.refusals.length === 0),
    isFile: disks.every((disk) => disk.place.kind === 'file'),
    guest,
    machine,
    template: { status: existing?.status ?? 'active', visibility: existing?.visibility ?? 'private', licence },
  });
  const about = { subject: place.path, target: '', machine: machine?.name ?? '' };
  return {
    report: makeReport(book, policy, 'capture', facts, about, request.overrides),
    machine,
    platform: platform.value,
  };
}
