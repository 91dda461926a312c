/** Carries out deploys, stage by stage. Nothing is written before the plan was made, shown, confirmed and checked again. */
import type { JobResult } from '../../contract/job.contract.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { lockReader } from '../../store/locks.ts';
import type { ManifestReader } from '../../store/manifest-reader.ts';
import { diskOf, type FoundDisk } from '../../versions/found-disk.ts';
import type { ManifestJson } from '../../versions/manifest-json.ts';
import { withManifest } from '../../versions/with-manifest.ts';
import type { EngineParts } from '../engine-parts.ts';
import type { DeployRecord } from '../plan-records.ts';
import type { Tell } from '../prove-version.ts';
import { adjust, growMembers } from './adjust.ts';
import { begin } from './begin.ts';
import { customise } from './customise.ts';
import type { Deployment, Stage } from './deployment.ts';
import type { Feeding, Feeds } from './feed.ts';
import { enterInFirmware } from './firmware-entry.ts';
import { fill } from './fill.ts';
import { fillFromScratch } from './fill-from-scratch.ts';
import { finish } from './finish.ts';
import { HeldBack } from './held-back.ts';
import { ofTarget } from './of-target.ts';
import { makeDrivers } from './make-drivers.ts';
import { openTarget, type Owner, type Target } from './open-target.ts';
import { Overlay } from './overlay.ts';
import { place } from './place.ts';
import { prove } from './prove.ts';
import { expectPutIn } from './put-in-drivers.ts';
import { readBootChain } from './read-boot-chain.ts';
import { openServedTarget, placementOnServed, writeOver } from './served-target.ts';
import { nameGroups, renewIds } from './renew-ids.ts';
import { checkFileAgain } from './targets-again.ts';
import { openVolumeTarget } from './open-volume-target.ts';
import { isFileTarget, volumeOf } from './volume-target.ts';

/**
 * What happens to a target once it is known where everything goes, in this order. Between `fill` and `finish` it does not look
 * finished: whoever changes it there may fail. After `finish` its sink is closed, and it is only looked at.
 */
const STAGES: Readonly<Record<'begin' | 'fill' | 'adjust' | 'customise' | 'finish' | 'prove', readonly Stage[]>> = {
  begin: [begin],
  fill: [fillFromScratch, fill],
  adjust: [adjust],
  customise: [customise, expectPutIn, renewIds, growMembers, makeDrivers, readBootChain, nameGroups],
  finish: [finish, writeDown],
  prove: [enterInFirmware, prove],
};

/** What is served shows the template from the beginning, to nobody but this job until it is finished. */
const ON_SERVED: typeof STAGES = { ...STAGES, begin: [], fill: [writeOver] };

/**
 * Carries out a confirmed plan. A file gets its name when it is whole, read back and synced; a device has no partition table
 * until then.
 * @param feeds of its job: targets of one disk share a feed @param tell hears what its machine showed and said, where it is started
 * @param owner the machine that it becomes a disk of; left out: none
 * @throws EngineError `DEVICE_CHANGED`, `PLAN_BLOCKED`, `VERIFY_MISMATCH`, `PACK_DAMAGED` and others with the template's name
 */
export function runDeploy(
  parts: EngineParts,
  plan: DeployRecord,
  feeds: Pick<Feeds, 'of'>,
  tell: Tell,
  context: JobContext,
  owner?: Owner,
): Promise<JobResult> {
  return ofTarget(plan, () =>
    carryOut(parts, plan, feeds, tell, context, owner).catch((thrown: unknown) => {
      const { code, hint } = toEngineError(thrown);
      if (code !== 'TEMPLATE_NOT_FOUND') throw thrown;
      // after a prune, the catalog does not know any more what it was called
      throw new EngineError(code, { template: `${plan.templateName}@${plan.versionNumber}` }, hint, { cause: thrown });
    }),
  );
}

async function carryOut(
  parts: EngineParts,
  plan: DeployRecord,
  feeds: Pick<Feeds, 'of'>,
  tell: Tell,
  context: JobContext,
  owner: Owner | undefined,
): Promise<JobResult> {
  const found = diskOf(parts.templates.find(`${plan.templateId}@${plan.versionNumber}`), plan.disk);
  const feed = feeds.of(found, context.signal).expect();
  const lock = lockReader(parts.layout);
  parts.index.forgetFrames();
  try {
    return await withManifest(parts, found, async (manifest, json) => {
      context.phase('inspecting', 0);
      for (const warning of plan.told) context.warn(warning);
      const deployment = await prepare(parts, plan, manifest, json, feed, tell, found, context.signal, owner);
      try {
        const stages = plan.request.served ? ON_SERVED : STAGES;
        for (const steps of Object.values(stages)) for (const step of steps) await step(deployment, context);
      } finally {
        await deployment.target.end();
      }
      return report(deployment);
    });
  } finally {
    feed.end();
    lock.release();
  }
}

async function prepare(
  parts: EngineParts,
  plan: DeployRecord,
  manifest: ManifestReader,
  json: ManifestJson,
  feed: Feeding,
  tell: Tell,
  found: FoundDisk,
  signal: AbortSignal,
  owner: Owner | undefined,
): Promise<Deployment> {
  if (isFileTarget(plan)) await checkFileAgain(parts, plan, json.disk.layout.usedBytes);
  const { served } = plan.request;
  const placed = await place(parts, plan, manifest, json);
  const placement = served ? placementOnServed(placed) : placed;
  const overlay = new Overlay(placement.changes, placement.leftOut);
  const held = new HeldBack(placement.finishing);
  const target = await open(parts, plan, found, signal, owner);
  return {
    parts,
    plan,
    manifest,
    json,
    feed,
    placement,
    overlay,
    held,
    target,
    sink: target.sink,
    tell,
    found,
    inside: null,
    bootChain: [],
    identifiers: { identifiers: [], corePatches: [] },
    entry: null,
    writtenBytes: 0,
    verifiedBytes: 0,
  };
}

function open(
  parts: EngineParts,
  plan: DeployRecord,
  found: FoundDisk,
  signal: AbortSignal,
  owner: Owner | undefined,
): Promise<Target> {
  if (plan.request.served) return openServedTarget(parts, plan, found, signal, owner?.name);
  if (owner && volumeOf(plan)) return openVolumeTarget(parts.machine, plan, owner);
  return openTarget(parts.machine, plan, parts.layout.root, owner?.name);
}

/** What is finished is deployed, whatever it shows when it is started. */
async function writeDown({ parts, plan, held, inside, writtenBytes, verifiedBytes }: Deployment): Promise<void> {
  const { templateId, versionNumber } = plan;
  parts.audit.add('template.deployed', plan.templateName, {
    templateId,
    version: versionNumber,
    target: plan.target.path,
    serial: plan.target.serial,
    writtenBytes,
    verifiedBytes,
    heldBackBytes: held.lengthBytes,
    identity: plan.request.identity ?? 'keep',
    ...(inside && { changedFiles: inside.changedFiles }),
    overridden: plan.overridden,
  });
}

function report({
  plan,
  json,
  sink,
  target: { overBytes },
  held,
  inside,
  bootChain,
  writtenBytes,
  verifiedBytes,
  sight,
  notProven,
}: Deployment): JobResult {
  return {
    templateId: plan.templateId,
    versionNumber: plan.versionNumber,
    processedBytes: json.disk.layout.usedBytes,
    storedBytes: 0,
    writtenBytes,
    verifiedBytes,
    heldBackBytes: held.lengthBytes,
    ...(inside && { inside }),
    bootChain,
    readBack: sink.readBack,
    // what was changed in files was read back there; the template was neither written nor read
    ...(overBytes !== undefined && { isOverTemplate: true, writtenBytes: overBytes, readBack: 'none' as const }),
    damagedTemplates: [],
    ...(sight && { boot: sight }),
    ...(notProven && { notProven }),
  };
}
