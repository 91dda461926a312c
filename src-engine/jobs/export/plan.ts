/** Plans an export: which file will be there, how much room it takes at most, what speaks against it. */
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import type { FoundVersion } from '../../catalog/template-repository.ts';
import type { CheckedParams } from '../../contract/commands.ts';
import { EXPORT_ENDINGS, type ExportFormat, type ExportPlan } from '../../contract/import.contract.ts';
import type { TemplateView, VersionDiskView, VersionView } from '../../contract/template.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import { numberOf, toldOf } from '../../core/of-disk.ts';
import { lengthRule, type WrittenFormat } from '../../formats/create-image.ts';
import { roundedLength } from '../../formats/length-rule.ts';
import { incompleteCheck } from '../../judgement/template-checks.ts';
import type { EngineParts } from '../engine-parts.ts';
import { diskOf, type FoundDisk } from '../../versions/found-disk.ts';
import { safeName } from '../../browsing/safe-name.ts';
import { describeTarget } from '../../machines/describe-target.ts';
import { refusalOf, type ExportRecord, type Planned } from '../plan-records.ts';
import { checkFile } from '../../judgement/target-checks.ts';
import { templateSource } from '../../versions/template-source.ts';
import { withManifest } from '../../versions/with-manifest.ts';
import { planExportMove } from './moved-tables.ts';

export type ExportRequest = CheckedParams<'export.plan'>;

/** Descriptions, checksums, what an archive says of its files. */
const SMALL_FILES_BYTES = 1024 * 1024;
/** Beside so many bytes of a name, a number, an ending and what is added while the file is not whole have room. */
const MAX_STEM_BYTES = 180;
const MAX_ENDING_BYTES = 16;

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
  const asked = await askedPath(request, template, version);
  const safe = safeName(basename(asked), true);
  const outputs = outputsOf(request, whole, safe);
  const atMostBytes = outputs.reduce((sum, { disks }) => sum + atMost(format, version, disks), 0);
  const files: ExportPlan['files'] = [];
  const checks: Check[] = [];
  for (const [i, { disk, disks, name }] of outputs.entries()) {
    const number = numberOf(i, outputs.length);
    const own = atMost(format, version, disks);
    const target = await describeTarget(parts.machine, join(dirname(asked), name), {
      ...disks[0].disk.layout,
      lengthBytes: own,
    });
    if (target.place.kind !== 'file') throw new EngineError('BAD_REQUEST', { path: asked, reason: 'not a file' });
    files.push({ disk, path: target.place.path, atMostBytes: own, needsOverwrite: target.exists });
    // all of them have to find room in the same folder
    const room = roomFor(format, atMostBytes);
    const ofTarget = await checkFile(parts.machine, target, room, parts.layout.root);
    checks.push(...ofTarget.map((check) => toldOf(number, check)));
  }
  const taken = outputs.flatMap(({ disks }) => disks);
  const tables: Check[] = [];
  for (const found of taken) {
    const number = numberOf(found.number - 1, taken.length);
    tables.push(...incompleteCheck(template.name, found.disk).map((check) => toldOf(number, check)));
    if (found.disk.health === 'damaged') continue;
    tables.push(...(await tableChecks(parts, format, found)).map((check) => toldOf(number, check)));
  }
  const isDamaged = taken.some(({ disk }) => disk.health === 'damaged');
  const all: Check[] = [
    isDamaged
      ? { code: 'TEMPLATE_DAMAGED', level: 'block', data: { template: template.name } }
      : { code: 'TEMPLATE_HEALTHY', level: 'pass', data: { template: template.name } },
    ...tables,
    ...(safe === basename(asked)
      ? []
      : [{ code: 'NAME_MADE_SAFE', level: 'warn', data: { name: safe, asked: basename(asked) } } as const]),
    ...checks,
  ];
  const plan = {
    planId: randomUUID(),
    expiresAt,
    templateName: template.name,
    versionNumber: version.number,
    format,
  };
  const [first, ...others] = files.map(({ atMostBytes: _, ...file }) => file);
  const record: ExportRecord = {
    ...plan,
    ...first,
    kind: 'export',
    request,
    refusal: refusalOf(all),
    templateId: template.id,
    others,
  };
  const view: ExportPlan = {
    ...plan,
    disk: files.length > 1 ? null : first.disk,
    path: first.path,
    files,
    atMostBytes,
    checks: all,
    needsOverwrite: files.some(({ needsOverwrite }) => needsOverwrite),
    canRun: record.refusal === null,
  };
  return { record, view };
}

interface Output {
  /** from 1; null: all of them */
  readonly disk: number | null;
  readonly disks: readonly FoundDisk[];
  /** of its file */
  readonly name: string;
}

/** @throws EngineError `NO_SUCH_DISK` */
function outputsOf({ format, disk }: ExportRequest, whole: FoundVersion, name: string): Output[] {
  const all = whole.version.disks.map((_, i) => diskOf(whole, i + 1));
  if (format === 'package') return [{ disk: null, disks: all, name }];
  if (disk !== undefined || all.length === 1) {
    const one = diskOf(whole, disk);
    return [{ disk: one.number, disks: [one], name }];
  }
  if (format === 'ova') return [{ disk: null, disks: all, name }];
  return all.map((one) => ({
    disk: one.number,
    disks: [one],
    name: safeName(numbered(name, format, one.number), true),
  }));
}

/** `.raw.zst` is one ending. */
const PACKED_ENDING = /(?:\.[^.]{1,8})?\.zst$/i;

/** 'lab.qcow2' becomes 'lab-disk1.qcow2'. */
function numbered(name: string, format: ExportFormat, disk: number): string {
  const own = name.endsWith(EXPORT_ENDINGS[format])
    ? EXPORT_ENDINGS[format]
    : (PACKED_ENDING.exec(name)?.[0] ?? extname(name));
  const ending = Buffer.byteLength(own) <= MAX_ENDING_BYTES ? own : '';
  const stem = name.slice(0, name.length - ending.length);
  // a name that is cut loses its end, and with it what tells it from the others
  const letters = [...stem];
  while (Buffer.byteLength(letters.join('')) > MAX_STEM_BYTES) letters.pop();
  return `${letters.join('')}-disk${disk}${ending}`;
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
async function askedPath({ path, format, disk }: ExportRequest, template: TemplateView, version: VersionView) {
  const full = resolve(path);
  const isFolder = (await stat(full).catch(() => null))?.isDirectory() ?? false;
  if (!isFolder && !path.endsWith('/')) return full;
  const ending = format === 'raw' && version.medium === 'iso' ? '.iso' : EXPORT_ENDINGS[format];
  const isOneOfSeveral = format !== 'package' && disk !== undefined && version.disks.length > 1;
  return join(full, template.name + (isOneOfSeveral ? `-disk${disk}` : '') + ending);
}

function atMost(format: ExportFormat, { storedBytes }: VersionView, disks: readonly FoundDisk[]): number {
  if (format === 'package') return storedBytes + SMALL_FILES_BYTES;
  const images = disks.reduce((sum, { disk }) => sum + imageAtMost(format, disk), 0);
  return images + (format === 'ova' ? SMALL_FILES_BYTES : 0);
}

function imageAtMost(format: Exclude<ExportFormat, 'package'>, { usedBytes, layout }: VersionDiskView): number {
  // what cannot be compressed grows by a few bytes in each block, and holes are not quite nothing
  if (format === 'raw.zst') return usedBytes + Math.ceil(layout.lengthBytes / 8192) + SMALL_FILES_BYTES;
  const rule = lengthRule(writtenAs(format), layout);
  return usedBytes + rule.overheadBytes(roundedLength(format, rule, layout.lengthBytes));
}

/** What goes into a package lies beside it until it is packed. */
function roomFor(format: ExportFormat, atMostBytes: number): number {
  return format === 'package' ? 2 * atMostBytes : atMostBytes;
}
