/** Results as text: tables that line up, sizes that can be read. */
import type {
  Check,
  DiskToImport,
  DiskView,
  ImportView,
  JobPart,
  JobView,
  RecordedPlaceView,
  Refusal,
  TemplateView,
  TemplateSummary,
  VersionDiskView,
  VersionSummary,
  VersionView,
} from '../../src-engine/contract/index.ts';
import { diskLines, saidOfDisk, warningLines } from './disk-reports.ts';
import { bootChainLines } from './boot-chain-reports.ts';
import { bootLines } from './boot-reports.ts';
import { comparisonLines, fileLines, volumeLines } from './file-reports.ts';
import { guestLines, machineLines, machineListLines } from './machine-reports.ts';
import { insideLines, plannedInsideLines } from './inside-reports.ts';
import { recordedLines } from './recorded-lines.ts';
import { errorText, jobListLines, partLines } from './job-lines.ts';
import { logLines } from './log-lines.ts';
import { owedLines } from './owed-reports.ts';
import { plannedVmLines } from './new-vm-reports.ts';
import { printable } from './printable.ts';
import type { Answer, TemplateDone } from './answers.ts';
import { planRuleLines, policyLines, policyListLines, refusedLines, reportOfRules } from './rule-reports.ts';
import { identityPlanKey } from '../../src-engine/words/identity-plan.ts';
import { table } from './text-table.ts';
import { hypervisorLines, servedLines, vmLines } from './vm-reports.ts';
import { volumePlanLines } from './volume-reports.ts';
import type { Words } from './words.ts';

/** Digits of an id that tell templates apart for a reader; calls take whole ones. */
const SHORT_ID = 8;
const MAX_NOTE = 40;

export function answerLines(words: Words, answer: Answer): string[] {
  const { t, date } = words;
  switch (answer.kind) {
    case 'devices':
      if (answer.value.length === 0) return [t('cli.no-devices')];
      return answer.value.flatMap((device) => [
        placeLine(words, device),
        `  ${words.said(t('cli.capture'), refusalsText(words, device.captureRefusals))}`,
        `  ${words.said(t('cli.deploy'), refusalsText(words, device.deployRefusals))}`,
      ]);
    case 'inspection':
      return [
        ...(answer.value.format && answer.value.source.kind === 'file'
          ? [t('cli.image', { format: answer.value.format })]
          : []),
        ...disksLines(words, answer.value.disks),
        ...guestLines(words, answer.value.guest),
        ...(answer.value.machine ? ['', ...machineLines(words, answer.value.machine)] : []),
      ];
    case 'templates':
      if (answer.value.length === 0) return [t('cli.no-templates')];
      return templateLines(words, answer.value);
    case 'template': {
      const { value } = answer;
      if (answer.done) return [doneLine(words, answer.done, value)];
      return [
        `${value.name}  ${value.id}`,
        `${t(`kind.${value.kind}`)} · ${t(`status.${value.status}`)} · ${t(`visibility.${value.visibility}`)}`,
        ...termsLines(words, value),
        ...(value.tags.length ? [words.said(t('cli.tags'), value.tags.join(', '))] : []),
        ...(value.note ? value.note.split('\n') : []),
        ...(value.deletedAt ? [t('cli.in-bin', { date: date(value.deletedAt) })] : []),
        ...value.versions.flatMap((version) => ['', ...versionLines(words, version)]),
      ];
    }
    case 'capture-plan': {
      const { value } = answer;
      return [
        ...disksLines(words, value.disks),
        ...checkLines(words, value.checks),
        ...planRuleLines(words, value.report),
        t('cli.capture-plan', {
          readBytes: value.readBytes,
          lengthBytes: value.disks.reduce((sum, { source }) => sum + source.lengthBytes, 0),
          name: value.name,
          version: value.versionNumber,
        }),
      ];
    }
    case 'deploy-plan': {
      const { value } = answer;
      return [
        t(value.diskCount > 1 ? 'cli.deploy-plan-disk' : 'cli.deploy-plan', {
          name: value.templateName,
          version: value.versionNumber,
          disk: value.disk,
          count: value.diskCount,
          writeBytes: value.writeBytes,
        }),
        placeLine(words, value.target),
        ...plannedVmLines(words, value.vm, value.disk),
        ...volumePlanLines(words, value.volumes),
        ...(value.before && value.before.volumes.length > 0
          ? [t('cli.now-holds'), ...diskLines(words, value.before)]
          : []),
        words.said(t('inside.identity.title'), printable(t(identityPlanKey(value.identity), value.identity.data))),
        ...recordedLines(words, value.recorded),
        ...plannedInsideLines(words, value),
        ...bootChainLines(words, t('cli.boot-chain-planned'), value.boot),
        ...checkLines(words, value.checks),
        ...planRuleLines(words, value.report),
      ];
    }
    case 'import-view':
      return imageLines(words, answer.value);
    case 'import-plan': {
      const { value } = answer;
      return [
        ...imageLines(words, value.image),
        ...checkLines(words, value.checks),
        ...planRuleLines(words, value.report),
        t('cli.import-plan', { name: value.name, version: value.versionNumber }),
      ];
    }
    case 'export-plan': {
      const { value } = answer;
      return [
        t('cli.export-plan', {
          name: value.templateName,
          version: value.versionNumber,
          path: value.files.length > 1 ? value.files.map(({ path }) => path).join(', ') : value.path,
          lengthBytes: value.atMostBytes,
        }),
        words.shared(`exportFormat.${value.format}.opens`, value.format),
        ...checkLines(words, value.checks),
      ];
    }
    case 'job':
      return jobLines(words, answer.value);
    case 'jobs':
      return jobListLines(words, answer.value);
    case 'log':
      return logLines(words, answer.value);
    case 'file-volumes':
      return volumeLines(words, answer.value);
    case 'files':
      return fileLines(words, answer.value);
    case 'report':
      return reportOfRules(words, answer.value);
    case 'policies':
      return policyListLines(words, answer.value);
    case 'policy':
      return policyLines(words, answer.value);
    case 'machine':
      return machineLines(words, answer.value);
    case 'machines-refused':
      return refusedLines(words, answer.value);
    case 'machines':
      return machineListLines(words, answer.value);
    case 'comparison':
      return comparisonLines(words, answer.value);
    case 'hypervisors':
      return hypervisorLines(words, answer.value);
    case 'vm':
      return vmLines(words, answer.value);
    case 'served':
      return servedLines(words, answer.value);
    case 'owed':
      return owedLines(words, answer.value);
    case 'hosts':
      return answer.value.length > 0 ? answer.value.map(printable) : [words.t('cli.no-hosts')];
    case 'nbd':
      return [t(`cli.nbd-${answer.value.port === null ? 'socket' : 'port'}`), answer.value.uri];
    case 'completion':
      return answer.value.script.trimEnd().split('\n');
    case 'serving':
      return [t('cli.serving'), answer.value.address];
  }
}

/** What was done to a template, and the way back. */
function doneLine({ t }: Words, { what, name, fields }: TemplateDone, { name: own }: TemplateView): string {
  return printable(t(`cli.template-done.${what}`, { name: what === 'edited' ? own : name, fields: fields ?? [] }));
}

function refusalsText({ t }: Words, refusals: readonly Refusal[]): string {
  return refusals.map(({ code, details }) => t(`refusal.${code}`, { details })).join(' ') || t('cli.possible');
}

/** Whose it is and under what terms, as far as that is said. */
function termsLines({ t }: Words, { owner, visibility, sharedWith, licence, policy }: TemplateView): string[] {
  const terms = [
    owner ? t('cli.owner', { name: owner }) : '',
    visibility === 'shared' && sharedWith.length > 0 ? t('cli.shared-with', { names: sharedWith }) : '',
    licence === 'own' ? t('licence.own') : '',
    policy ? t('cli.under-policy', { policy }) : '',
  ].filter((term) => term !== '');
  return terms.length > 0 ? [printable(terms.join(' · '))] : [];
}

/** A line for each: an id that is long enough to be typed, and what a person looks for. */
function templateLines(words: Words, templates: readonly TemplateSummary[]): string[] {
  const { t, bytes, date } = words;
  const columns = [
    'id',
    'name',
    'version',
    'kind',
    'visibility',
    'owner',
    'system',
    'used',
    'stored',
    'created',
    'health',
    'note',
  ];
  return table(
    columns.map((column) => t(`cli.column.${column}`)),
    templates.map(({ id, name, kind, visibility, owner, note, versions: [newest] }) => [
      id.slice(0, SHORT_ID),
      printable(name),
      String(newest.number),
      t(`kind.${kind}`),
      t(`visibility.${visibility}`),
      printable(owner),
      printable(newest.configuration.operatingSystem ?? ''),
      bytes(newest.usedBytes),
      bytes(newest.storedBytes),
      date(newest.createdAt),
      healthText(words, newest),
      printable(firstLine(note)),
    ]),
  );
}

function firstLine(note: string): string {
  const [line] = note.split('\n');
  return line.length > MAX_NOTE ? `${line.slice(0, MAX_NOTE - 1)}…` : line;
}

function placeLine({ bytes, t }: Words, place: RecordedPlaceView): string {
  const serial = place.serial ? t('cli.serial', { serial: place.serial }) : '';
  return [place.path, place.model === place.path ? '' : place.model, serial, bytes(place.lengthBytes)]
    .filter((part) => part !== '')
    .join('  ');
}

/** Each disk under a line of its own, where there are several. */
function disksLines(words: Words, disks: readonly { source: RecordedPlaceView; disk: DiskView }[]): string[] {
  return disks.flatMap(({ source, disk }, i) => [
    ...(disks.length > 1 ? [words.t('cli.disk-of-several', { number: i + 1, source: source.path })] : []),
    placeLine(words, source),
    ...diskLines(words, disk),
  ]);
}

/** What an image file is, and what is in it as far as it can be told before it is unpacked. */
function imageLines(words: Words, image: ImportView): string[] {
  const { t, bytes } = words;
  const format = image.format ?? t('cli.unknown');
  return [
    placeLine(words, image.source),
    image.archive ? t('cli.image-in', { format, archive: image.archive }) : t('cli.image', { format }),
    ...(image.needsPassword ? [t('cli.needs-password')] : []),
    ...table(
      null,
      image.entries.map(({ name, lengthBytes }) => [printable(name), lengthBytes === null ? '' : bytes(lengthBytes)]),
    ).map((line) => `  ${line}`),
    ...(image.disks.length > 1
      ? [
          ...image.disks.flatMap((disk, i) => diskToImportLines(words, disk, i + 1)),
          ...warningLines(words, image.warnings),
        ]
      : image.disk
        ? diskLines(words, { ...image.disk, warnings: image.warnings })
        : warningLines(words, image.warnings)),
  ];
}

function diskToImportLines(words: Words, { name, lengthBytes, disk }: DiskToImport, number: number): string[] {
  const size = lengthBytes === null ? '' : `  ${words.bytes(lengthBytes)}`;
  return [
    printable(words.t('cli.disk-of-several', { number, source: name })) + size,
    ...(disk ? diskLines(words, { ...disk, warnings: [] }) : []),
  ];
}

/** The disks of one image file have one source. */
const sourcesOf = ({ disks }: VersionView) => [...new Set(disks.map(({ source }) => source.path))].join(', ');

function versionLines(words: Words, version: VersionView): string[] {
  const { t, date } = words;
  const ofDisks = version.disks.flatMap((disk, i) => [
    ...(version.disks.length > 1 ? [t('cli.disk-of-several', { number: i + 1, source: disk.source.path })] : []),
    ...diskLines(words, disk.layout),
  ]);
  // what a version keeps of its disks stands there already
  const told = new Set(ofDisks);
  const others = version.warnings.filter(({ code, data: { disk: _, ...data } }) =>
    warningLines(words, [{ code, data }]).every((line) => !told.has(line)),
  );
  return [
    t('cli.version', { number: version.number, date: date(version.createdAt), source: sourcesOf(version) }),
    t('cli.sizes', {
      capacityBytes: version.capacityBytes,
      usedBytes: version.usedBytes,
      storedBytes: version.storedBytes,
      newBytes: version.newBytes,
    }),
    healthText(words, version),
    ...ofDisks,
    ...warningLines(words, others),
    ...version.disks.flatMap(damageLines),
  ];
}

/** What is known of its chunks, whether parts of the source are missing in it, and whether its machine ran. */
function healthText({ t }: Words, { health, disks, consistency }: VersionSummary): string {
  return [
    t(`health.${health}`),
    ...(disks.some(({ damage }) => damage) ? [t('damage.badge')] : []),
    ...(consistency === null ? [] : [t(`consistency.${consistency}`)]),
  ].join(' · ');
}

/** Files that lost bytes: their volume, their path. */
function damageLines({ damage }: VersionDiskView): string[] {
  return (damage?.files ?? [])
    .filter(({ path }) => path !== '')
    .map(({ volume, path }) => `  ${printable(volume)}:${printable(path)}`);
}

/** What blocks comes first; what passes is one line. */
function checkLines(words: Words, checks: readonly Check[]): string[] {
  const { t } = words;
  const marks = { block: '✗', warn: '!' } as const;
  return [
    ...(['block', 'warn'] as const).flatMap((level) =>
      checks
        .filter((check) => check.level === level)
        .map((check) => {
          const line = `${marks[level]} ${printable(saidOfDisk(words, check.data, t(`check.${check.code}`, check.data)))}`;
          if (check.code === 'OUTSIDE_UNDECIDED') return `${line} ${t('cli.say-outside')}`;
          return level === 'block' && check.canOverride
            ? `${line} ${t('cli.can-override', { code: check.code })}`
            : line;
        }),
    ),
    ...checks
      .filter(({ code }) => code === 'TARGET_READ_FIRST')
      .map(({ code, data }) => `→ ${printable(t(`check.${code}`, data))}`),
    t('cli.checks-passed', { count: checks.filter((check) => check.level === 'pass').length }),
  ];
}

function jobLines(words: Words, job: JobView): string[] {
  const { t, duration } = words;
  const elapsed = job.startedAt && job.endedAt ? Date.parse(job.endedAt) - Date.parse(job.startedAt) : 0;
  const { result } = job;
  return [
    ...warningLines(words, job.warnings),
    ...partLines(words, job),
    `${words.said(t(`cli.job.${job.kind}`), job.outcome ? t(`outcome.${job.outcome}`) : t(`cli.state.${job.state}`))}  ${duration(elapsed)}`,
    ...(result && job.kind !== 'boot'
      ? [
          t(result.isOverTemplate ? 'cli.done.over-template' : `cli.done.${job.kind}`, {
            name: job.templateName,
            path: job.path,
            version: result.versionNumber ?? 0,
            processedBytes: result.writtenBytes ?? result.processedBytes,
            storedBytes: result.storedBytes,
            verifiedBytes: result.verifiedBytes,
          }),
        ]
      : []),
    ...(result?.boot ? bootLines(words, result.boot) : []),
    ...(result?.notProven && !(job.kind === 'deploy' && job.parts.length > 1)
      ? [t(job.kind === 'deploy' ? 'cli.boot.written' : 'cli.boot.not-proven'), errorText(words, result.notProven)]
      : []),
    ...(job.error ? [errorText(words, job.error)] : []),
    ...(job.kind === 'deploy' && job.parts.some(wasStarted)
      ? [t('cli.boot.kept', { job: job.id.slice(0, SHORT_ID) })]
      : []),
    ...(result && result.readBack !== 'none' ? [t(`cli.read-back.${result.readBack}`)] : []),
    ...job.parts.flatMap(({ path, result: own }) => {
      const lines = [
        ...(own?.inside ? insideLines(words, own.inside) : []),
        ...bootChainLines(words, t('cli.boot-chain-read'), own?.bootChain ?? []),
      ];
      return lines.length > 0 && job.parts.length > 1 ? [printable(path), ...lines] : lines;
    }),
  ];
}

/** Whether there is something to be seen of a boot proof. */
const wasStarted = ({ result, error }: JobPart) =>
  (result?.boot ?? result?.notProven) !== undefined || /^BOOT_/.test(error?.code ?? '');
