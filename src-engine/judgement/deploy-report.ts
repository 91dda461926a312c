/** The report for a deploy: may this template go there? */
import type { DeviceView } from '../contract/disk.contract.ts';
import type { Guest } from '../contract/guest.contract.ts';
import type { Report } from '../contract/report.contract.ts';
import type { TemplateView } from '../contract/template.contract.ts';
import { endOfLifeOf } from '../guest/end-of-life.ts';
import type { JudgingParts } from './judging-parts.ts';
import type { FoundDisk } from '../versions/found-disk.ts';
import type { DescribedTarget } from '../machines/describe-target.ts';
import { chosenMachine } from './chosen-machine.ts';
import { deployFacts } from './facts.ts';
import { makeReport } from './make-report.ts';
import { platformOf } from './platform.ts';
import { choosePolicy, type Rulebook } from './rulebook.ts';

export interface DeployReportRequest {
  readonly kind?: TemplateView['kind'];
  readonly policy?: string;
  readonly machine?: string;
  readonly overrides: readonly string[];
}

/** A target that was looked at. */
interface SeenTarget extends DescribedTarget {
  /** null: a file, or a disk that is not there any more */
  readonly device: DeviceView | null;
}

/**
 * @param target null: no target is named, as for a machine that is elsewhere
 * @throws EngineError `NOT_FOUND`, `BAD_REQUEST`, `FORMAT_INVALID` for a policy or a machine that is none
 */
export async function deployReport(
  parts: JudgingParts,
  book: Rulebook,
  { template, version }: FoundDisk,
  guest: Guest,
  target: SeenTarget | null,
  request: DeployReportRequest,
): Promise<Report> {
  const kind = request.kind ?? template.kind;
  const own = kind === template.kind ? template.policy : null;
  const policy = choosePolicy(book, kind, request.policy ?? own);
  const device = target && target.device;
  const machine = await chosenMachine(parts, request.machine ?? null, device);
  const named = request.machine === undefined ? null : machine;
  const { release, pointRelease, edition } = guest;
  const facts = deployFacts({
    template,
    capacityBytes: Math.max(...version.disks.map(({ capacityBytes }) => capacityBytes)),
    disks: version.disks.length,
    sourcePlatform: version.platform,
    // by the table of today, not of the day of its capture
    guest: { ...guest, endOfLife: endOfLifeOf(book.endOfLife, release.value, pointRelease.value, edition.value) },
    machine,
    target: target && {
      path: target.place.path,
      platform: platformOf(target.place, device, named),
      isAgain: target.exists && parts.audit.lastDeployed(target.place) === template.id,
    },
  });
  const about = {
    subject: `${template.name}@${version.number}`,
    target: target?.place.path ?? '',
    machine: machine?.name ?? '',
  };
  return makeReport(book, policy, 'deploy', facts, about, request.overrides);
}
