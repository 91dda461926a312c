/** The report for a capture or an import: may this disk become a template of that kind? */
import type { PlaceView } from '../contract/disk.contract.ts';
import type { Guest } from '../contract/guest.contract.ts';
import type { MachineProfile } from '../contract/machine.contract.ts';
import type { Report } from '../contract/report.contract.ts';
import type { TemplateView } from '../contract/template.contract.ts';
import { checkSource } from './source-checks.ts';
import type { JudgingParts } from './judging-parts.ts';
import { chosenMachine, deviceAt } from './chosen-machine.ts';
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
}

export interface CaptureReport {
  readonly report: Report;
  /** the machine that the source belongs to; null: nobody knows */
  readonly machine: MachineProfile | null;
  readonly platform: Platform['value'];
}

/**
 * @param places of its disks, that of the boot disk first
 * @param existing the template that this becomes a version of
 * @throws EngineError `NOT_FOUND`, `BAD_REQUEST`, `FORMAT_INVALID` for a policy or a machine that is none
 */
export async function captureReport(
  parts: JudgingParts,
  book: Rulebook,
  places: readonly PlaceView[],
  guest: Guest,
  existing: TemplateView | null,
  request: CaptureReportRequest,
): Promise<CaptureReport> {
  const { kind, licence } = existing ?? request;
  const policy = choosePolicy(book, kind, request.policy ?? existing?.policy ?? null);
  const [place] = places;
  const device = await deviceAt(parts.machine, place, parts.layout.root);
  const machine = await chosenMachine(parts, request.machine ?? null, device);
  const platform = platformOf(place, device, request.machine === undefined ? null : machine);
  const looked = await Promise.all(places.map((one) => checkSource(parts.machine, one, parts.layout.root)));
  const inUse = looked.flat().some(({ level }) => level === 'block');
  const facts = captureFacts({
    path: place.path,
    lengthBytes: Math.max(...places.map(({ lengthBytes }) => lengthBytes)),
    disks: places.length,
    platform,
    isOffline: !inUse,
    isFile: places.every(({ kind }) => kind === 'file'),
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
