/** Plans an export: which file will be there, how much room it takes at most, what speaks against it. */
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { CheckedParams } from '../../contract/commands.ts';
import { EXPORT_ENDINGS, type ExportFormat, type ExportPlan } from '../../contract/import.contract.ts';
import type { TemplateView } from '../../contract/template.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import { lengthRule, type WrittenFormat } from '../../formats/create-image.ts';
import { roundedLength } from '../../formats/length-rule.ts';
import { incompleteCheck } from '../../judgement/template-checks.ts';
import type { EngineParts } from '../engine-parts.ts';
import { diskOf, type FoundDisk } from '../../versions/found-disk.ts';
import { safeName } from '../../browsing/safe-name.ts';
import { describeTarget } from '../../machines/describe-target.ts';
import { refusalOf, type ExportRecord, type Planned } from '../plan-records.ts';
import { checkTarget } from '../../judgement/target-checks.ts';
import { templateSource } from '../../versions/template-source.ts';
import { withManifest } from '../../versions/with-manifest.ts';
import { planExportMove } from './moved-tables.ts';

export type ExportRequest = CheckedParams<'export.plan'>;

/** Descriptions, checksums, what an archive says of its files. */
const SMALL_FILES_BYTES = 1024 * 1024;

/**
 * @throws EngineError `TEMPLATE_NOT_FOUND`; `FORMAT_UNSUPPORTED` where the format has no disks of that length; `BAD_REQUEST` for a
 *   password that the format has no place for, or a path that is no file
 */
export async function planExport(
  parts: EngineParts,
  request: ExportRequest,
  expiresAt: string,
): Promise<Planned<ExportRecord, ExportPlan>> {
  const { format } = request;
  if (request.password !== null && format !== 'package') {
    throw new EngineError('BAD_REQUEST', { field: 'password', reason: format });
  }
  // 7-Zip reads it as a line
  if (/[\0-\x1f\x7f]/.test(request.password ?? '')) {
    throw new EngineError('BAD_REQUEST', { field: 'password', reason: 'control characters' });
  }
  const whole = parts.templates.find(request.template);
  const { template, version } = whole;
  // a package takes all
  const found = diskOf(whole, format === 'package' ? 1 : request.disk);
  const { disk } = found;
  const health = format === 'package' ? version.health : disk.health;
  const lost = format === 'package' ? version.disks : [disk];
  const asked = await askedPath(request, template, found);
  const name = safeName(basename(asked), true);
  const atMostBytes = atMost(format, found);
  const target = await describeTarget(parts.machine, join(dirname(asked), name), {
    ...disk.layout,
    lengthBytes: atMostBytes,
  });
  if (target.place.kind !== 'file') throw new EngineError('BAD_REQUEST', { path: asked, reason: 'not a file' });
  const { path } = target.place;
  const checks: Check[] = [
    health === 'damaged'
      ? { code: 'TEMPLATE_DAMAGED', level: 'block', data: { template: template.name } }
      : { code: 'TEMPLATE_HEALTHY', level: 'pass', data: { template: template.name } },
    ...lost.flatMap((one) => incompleteCheck(template.name, one)),
    ...(health === 'damaged' ? [] : await tableChecks(parts, format, found)),
    ...(name === basename(asked)
      ? []
      : [{ code: 'NAME_MADE_SAFE', level: 'warn', data: { name, asked: basename(asked) } } as const]),
    ...(await checkTarget(parts.machine, target, roomFor(format, atMostBytes), parts.layout.root)),
  ];
  const plan = {
    planId: randomUUID(),
    expiresAt,
    templateName: template.name,
    versionNumber: version.number,
    disk: format === 'package' ? null : found.number,
    format,
    path,
    needsOverwrite: target.exists,
  };
  const record: ExportRecord = {
    ...plan,
    kind: 'export',
    request,
    refusal: refusalOf(checks),
    templateId: template.id,
  };
  return { record, view: { ...plan, atMostBytes, checks, canRun: record.refusal === null } };
}

/** @throws EngineError `MANIFEST_DAMAGED`, `PACK_DAMAGED` and what reading a template throws */
function tableChecks(parts: EngineParts, format: ExportFormat, found: FoundDisk): Promise<readonly Check[]> {
  if (format === 'package') return Promise.resolve([]);
  const { layout } = found.disk;
  const lengthBytes = roundedLength(format, lengthRule(writtenAs(format), layout), layout.lengthBytes);
  return withManifest(parts, found, async (manifest, json) => {
    const source = templateSource(parts.index, manifest, json);
    return (await planExportMove(source, layout.table, format, lengthBytes).finally(() => source.close())).checks;
  });
}

/** The image that is written, whatever it is packed in. */
const writtenAs = (format: Exclude<ExportFormat, 'package'>): WrittenFormat =>
  format === 'ova' ? 'vmdk-stream' : format === 'raw.zst' ? 'raw' : format;

/** A folder gets a file that is called like the template. */
async function askedPath({ path, format }: ExportRequest, template: TemplateView, found: FoundDisk) {
  const full = resolve(path);
  const isFolder = (await stat(full).catch(() => null))?.isDirectory() ?? false;
  if (!isFolder && !path.endsWith('/')) return full;
  const { medium, disks } = found.version;
  const ending = format === 'raw' && medium === 'iso' ? '.iso' : EXPORT_ENDINGS[format];
  const isOneOfSeveral = format !== 'package' && disks.length > 1;
  return join(full, template.name + (isOneOfSeveral ? ` disk ${found.number}` : '') + ending);
}

function atMost(format: ExportFormat, { version, disk }: FoundDisk): number {
  const { usedBytes, layout } = disk;
  switch (format) {
    case 'package':
      return version.storedBytes + SMALL_FILES_BYTES;
    case 'raw.zst':
      // what cannot be compressed grows by a few bytes in each block, and holes are not quite nothing
      return usedBytes + Math.ceil(layout.lengthBytes / 8192) + SMALL_FILES_BYTES;
    default: {
      const rule = lengthRule(writtenAs(format), layout);
      const lengthBytes = roundedLength(format, rule, layout.lengthBytes);
      return usedBytes + rule.overheadBytes(lengthBytes) + (format === 'ova' ? SMALL_FILES_BYTES : 0);
    }
  }
}

/** What goes into a package lies beside it until it is packed. */
function roomFor(format: ExportFormat, atMostBytes: number): number {
  return format === 'package' ? 2 * atMostBytes : atMostBytes;
}
