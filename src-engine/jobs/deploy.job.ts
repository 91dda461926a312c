/** Carries out deploys. Nothing is written before the plan was made, shown, confirmed and checked again. */
import { rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { JobResult } from '../contract/job.contract.ts';
import type { DeployPlan } from '../contract/plan.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import { syncFolder } from '../store/durable.ts';
import { lockReader } from '../store/locks.ts';
import type { ManifestReader } from '../store/manifest-reader.ts';
import { PressPool } from '../store/press-pool.ts';
import { writeAll } from './deploy-windows.ts';
import type { EngineParts } from './engine-parts.ts';
import type { ManifestJson } from './manifest-json.ts';
import { openDeviceTarget, openFileTarget } from './open-target.ts';
import { overriddenCodes, refuseBlockedCheck } from './overrides.ts';
import { partialPath } from './partial-path.ts';
import { overriddenRules } from './report/make-report.ts';
import { planRelocation } from './sector-move.ts';
import { checkTarget } from './target-checks.ts';
import { templateSource } from './template-source.ts';
import { withManifest } from './with-manifest.ts';

/**
 * Carries out a confirmed plan. A file gets its name when it is whole, read back and synced; a device has no partition table
 * until then.
 * @throws EngineError `DEVICE_CHANGED`, `PLAN_BLOCKED`, `VERIFY_MISMATCH`, `PACK_DAMAGED` and others with the template's name
 */
export async function runDeploy(parts: EngineParts, plan: DeployPlan, context: JobContext): Promise<JobResult> {
  const found = parts.templates.find(`${plan.templateId}@${plan.versionNumber}`);
  const lock = lockReader(parts.layout);
  const pool = new PressPool(parts.pressUrl, context.signal);
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
  plan: DeployPlan,
  manifest: ManifestReader,
  json: ManifestJson,
  pool: PressPool,
  context: JobContext,
): Promise<JobResult> {
  context.phase('inspecting', 0);
  if (plan.target.kind === 'file') await checkFileAgain(parts, plan, json.version.usedBytes);
  const source = templateSource(parts.index, manifest, json);
  const { relocation, checks } = await planRelocation(source, plan.target).finally(() => source.close());
  if (!relocation) {
    const { code, data } = checks.find(({ level }) => level === 'block')!;
    throw new EngineError('PLAN_BLOCKED', { ...data, check: code });
  }
  const partial = partialPath(plan.target.path, plan.planId);
  const sink = await (plan.target.kind === 'file'
    ? openFileTarget(plan.target, partial)
    : openDeviceTarget(parts.machine, plan.target, parts.layout.root));
  let isDone = false;
  try {
    const verifiedBytes = await writeAll(parts, json, manifest, relocation, sink, pool, context);
    if (sink.readBack === 'cached') context.warn({ code: 'READ_BACK_CACHED', data: { path: plan.target.path } });
    await sink.close();
    if (plan.target.kind === 'file') {
      if (!plan.needsOverwrite && (await exists(plan.target.path))) {
        throw new EngineError('OVERWRITE_REQUIRED', { path: plan.target.path });
      }
      await rename(partial, plan.target.path);
      await syncFolder(dirname(plan.target.path));
    }
    isDone = true;
    parts.audit.add('template.deployed', plan.templateName, {
      templateId: plan.templateId,
      version: plan.versionNumber,
      target: plan.target.path,
      serial: plan.target.serial,
      verifiedBytes,
      overridden: [...overriddenCodes(plan.checks), ...overriddenRules(plan.report)],
    });
    return {
      templateId: plan.templateId,
      versionNumber: plan.versionNumber,
      processedBytes: json.version.usedBytes,
      storedBytes: 0,
      verifiedBytes,
      readBack: sink.readBack,
      damagedTemplates: [],
    };
  } finally {
    if (!isDone) {
      await sink.close().catch(() => {});
      if (plan.target.kind === 'file') await rm(partial, { force: true });
    }
  }
}

/** A file that became somebody else's matter since the plan was made is left alone. Devices are checked when they are opened. */
async function checkFileAgain(parts: EngineParts, plan: DeployPlan, usedBytes: number): Promise<void> {
  const target = { place: plan.target, exists: await exists(plan.target.path) };
  if (target.exists && !plan.needsOverwrite) throw new EngineError('OVERWRITE_REQUIRED', { path: plan.target.path });
  const checks = await checkTarget(parts.machine, target, usedBytes, parts.layout.root);
  refuseBlockedCheck(checks);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
