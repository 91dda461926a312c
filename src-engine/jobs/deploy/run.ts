/** Carries out deploys. Nothing is written before the plan was made, shown, confirmed and checked again. */
import { lstat } from 'node:fs/promises';
import type { JobResult } from '../../contract/job.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { PartialOutput } from '../../core/partial-output.ts';
import { lockReader } from '../../store/locks.ts';
import type { ManifestReader } from '../../store/manifest-reader.ts';
import type { PressPool } from '../../store/press-pool.ts';
import type { BlockSink } from '../../disk/block-source.port.ts';
import { writeAll } from './windows.ts';
import type { EngineParts } from '../engine-parts.ts';
import { diskOf } from '../../versions/found-disk.ts';
import type { ManifestJson } from '../../versions/manifest-json.ts';
import { openDeviceTarget, openFileTarget } from './open-target.ts';
import { refuseBlockedCheck } from '../../judgement/overrides.ts';
import type { DeployRecord } from '../plan-records.ts';
import { findPlannedDevice } from './planned-deploy.ts';
import { readRecordedTables } from '../../inspection/disk-claims.ts';
import { planRelocation, sectorsOf } from '../../versions/sector-move.ts';
import { checkTarget } from '../../judgement/target-checks.ts';
import { templateSource } from '../../versions/template-source.ts';
import { withManifest } from '../../versions/with-manifest.ts';

/**
 * Carries out a confirmed plan. A file gets its name when it is whole, read back and synced; a device has no partition table
 * until then.
 * @throws EngineError `DEVICE_CHANGED`, `PLAN_BLOCKED`, `VERIFY_MISMATCH`, `PACK_DAMAGED` and others with the template's name
 */
export async function runDeploy(parts: EngineParts, plan: DeployRecord, context: JobContext): Promise<JobResult> {
  const found = diskOf(parts.templates.find(`${plan.templateId}@${plan.versionNumber}`), plan.disk);
  const lock = lockReader(parts.layout);
  const pool = parts.presses.forJob(context.signal);
  parts.index.forgetFrames();
  try {
    return await withManifest(parts, found, (manifest, json) =>
      deployManifest(parts, plan, manifest, json, pool, context),
    );
  } finally {
    await pool.close();
    lock.release();
  }
}

async function deployManifest(
  parts: EngineParts,
  plan: DeployRecord,
  manifest: ManifestReader,
  json: ManifestJson,
  pool: PressPool,
  context: JobContext,
): Promise<JobResult> {
  context.phase('inspecting', 0);
  if (plan.target.kind === 'file') await checkFileAgain(parts, plan, json.disk.layout.usedBytes);
  const source = templateSource(parts.index, manifest, json);
  const { relocation, checks } = await readRecordedTables(source, json.disk.layout.table)
    .then((tables) => planRelocation(source, tables, sectorsOf(plan.target)))
    .finally(() => source.close());
  if (!relocation) {
    const { code, data } = checks.find(({ level }) => level === 'block')!;
    throw new EngineError('PLAN_BLOCKED', { ...data, check: code });
  }
  const output = plan.target.kind === 'file' ? await PartialOutput.begin(plan.target.path, plan.planId) : null;
  let sink: BlockSink | null = null;
  try {
    sink = await (output
      ? openFileTarget(plan.target, output)
      : openDeviceTarget(parts.machine, plan, parts.layout.root));
    const verifiedBytes = await writeAll(parts, json, manifest, relocation, sink, pool, context);
    if (sink.readBack === 'cached') context.warn({ code: 'READ_BACK_CACHED', data: { path: plan.target.path } });
    await sink.close();
    await output?.publish(plan.needsOverwrite);
    parts.audit.add('template.deployed', plan.templateName, {
      templateId: plan.templateId,
      version: plan.versionNumber,
      target: plan.target.path,
      serial: plan.target.serial,
      verifiedBytes,
      overridden: plan.overridden,
    });
    return {
      templateId: plan.templateId,
      versionNumber: plan.versionNumber,
      processedBytes: json.disk.layout.usedBytes,
      storedBytes: 0,
      verifiedBytes,
      readBack: sink.readBack,
      damagedTemplates: [],
    };
  } finally {
    await sink?.close().catch(() => {});
    await output?.end();
  }
}

/**
 * Looks at the targets of several plans before the first of them is written to.
 * @throws EngineError `TARGET_TWICE` where two are the same, by whatever names; `DEVICE_CHANGED`, `DEVICE_BUSY`, `OVERWRITE_REQUIRED`, `PLAN_BLOCKED`
 */
export async function checkTogether(parts: EngineParts, plans: readonly DeployRecord[]): Promise<void> {
  const taken = new Map<string, string>();
  for (const { asked, target } of plans) {
    const bytes = await parts.machine.bytesAt(target.path);
    const other = bytes.map((name) => taken.get(name)).find((path) => path !== undefined);
    if (other !== undefined) throw new EngineError('TARGET_TWICE', { path: asked, other, target: target.path });
    for (const name of bytes) taken.set(name, asked);
  }
  for (const plan of plans) {
    if (plan.target.kind === 'file') await checkFileAgain(parts, plan, plan.writeBytes);
    else await findPlannedDevice(parts.machine, plan, parts.layout.root);
  }
}

/** A file that became somebody else's matter since the plan was made is left alone. Devices are checked when they are opened. */
async function checkFileAgain(parts: EngineParts, plan: DeployRecord, usedBytes: number): Promise<void> {
  const target = { place: plan.target, exists: await exists(plan.target.path) };
  if (target.exists && !plan.needsOverwrite) throw new EngineError('OVERWRITE_REQUIRED', { path: plan.target.path });
  const checks = await checkTarget(parts.machine, target, usedBytes, parts.layout.root);
  refuseBlockedCheck(checks);
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
