/** Plans a deploy: looks at the template and the target, and says what would be written, what would be lost, what forbids it. */
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import type { CheckedParams } from '../../contract/commands.ts';
import type { DeviceView, DiskView, PlaceView } from '../../contract/disk.contract.ts';
import type { DeployPlan } from '../../contract/plan.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { numberOf, ofDisk } from '../../core/of-disk.ts';
import type { Machine } from '../../machines/machine.port.ts';
import { afterIdentifiers } from './after-identifiers.ts';
import { imageTargetChecks } from './image-target.ts';
import type { AttachedIds } from './attached-ids.ts';
import { endChecks, outsideChecks } from './outside-checks.ts';
import { afterVolumes, madeAnew, placesOf, planVolumes } from './plan-volumes.ts';
import { readRecordedTables } from '../../inspection/disk-claims.ts';
import { inspectDisk, openVolumes } from '../../inspection/disk-inspection.ts';
import type { EngineParts } from '../engine-parts.ts';
import { readsFirst } from './reads-first.ts';
import { diskOf } from '../../versions/found-disk.ts';
import { imageThere } from '../../images/image-there.ts';
import { openSource } from '../../images/open-source.ts';
import { abilitiesHere } from '../../resizing/abilities.ts';
import type { PlannedVm } from '../../contract/new-vm.contract.ts';
import { formatChecks } from './target-format.ts';
import { describeTarget } from '../../machines/describe-target.ts';
import { isRoot } from '../../core/is-root.ts';
import { platformOf } from '../../judgement/platform.ts';
import { overriddenCodes, withOverrides } from '../../judgement/overrides.ts';
import { refusalOf, type DeployRecord, type Planned } from '../plan-records.ts';
import { openDisk } from './opened-disk.ts';
import type { KnownSearches } from '../../identifiers/known-searches.ts';
import type { KnownDrivers } from './known-drivers.ts';
import { moveChecks } from './move-checks.ts';
import { networkChecks } from './network-checks.ts';
import { planBoot } from './plan-boot.ts';
import { planDrivers, wantedBuses } from './plan-drivers.ts';
import type { KnownPutIns } from './known-put-ins.ts';
import { withPutIn } from './put-in-drivers.ts';
import { chooseIdentity, identityAsked } from './choose-identity.ts';
import { notLookedInto } from './not-looked-into.ts';
import { planIdentity, toldAtEnd } from './plan-identity.ts';
import { changesInside } from './plan-inside.ts';
import { hashOfEdges } from './planned-deploy.ts';
import { refuseUnprovableDeploy } from './prove.ts';
import { servedChecks } from './served-target.ts';
import { deployReport } from '../../judgement/deploy-report.ts';
import { readMachineMarks, type MachineMarks } from '../../guest/machine-marks.ts';
import { readRecordedSettings } from '../../guest/configuration/recorded-settings.ts';
import { guestInputOf, guestOf } from '../../inspection/guest-of.ts';
import { overriddenRules } from '../../judgement/make-report.ts';
import { openRulebook } from '../../judgement/rulebook.ts';
import type { ManifestReader } from '../../store/manifest-reader.ts';
import type { ManifestJson } from '../../versions/manifest-json.ts';
import { planRelocation, sectorsOf } from '../../versions/sector-move.ts';
import { consistencyCheck, incompleteCheck } from '../../judgement/template-checks.ts';
import { checkDevice, checkFile, sectorCheck } from '../../judgement/target-checks.ts';
import { describeVolume, volumeAt, volumeChecks } from './volume-target.ts';
import { templateSource } from '../../versions/template-source.ts';
import { withManifest } from '../../versions/with-manifest.ts';

export type DeployRequest = CheckedParams<'deploy.plan'>;

export interface AskedDeploy {
  readonly request: DeployRequest;
  /** what is to be said of it beside the others */
  readonly checks: readonly Check[];
  /** the machine that it becomes a disk of; null: of none */
  readonly vm: PlannedVm | null;
}

/** What is the same for many targets, and found once. */
export interface KnownBefore {
  /** of the request */
  readonly attached: AttachedIds;
  readonly putIns: KnownPutIns;
  /** of all requests */
  readonly drivers: KnownDrivers;
  readonly searches: KnownSearches;
}

/**
 * Looks at the template and the target and says what a deploy would do.
 * @param asked with what is known of it already, beside other deploys
 * @param known of the request that it is a part of, and of what was planned before
 * @throws EngineError `TEMPLATE_NOT_FOUND`, `MANIFEST_DAMAGED`, `PACK_DAMAGED`, `PERMISSION_DENIED`
 */
export async function planDeploy(
  parts: EngineParts,
  { request, checks: besides, vm }: AskedDeploy,
  { attached, drivers: known, searches, putIns }: KnownBefore,
  expiresAt: string,
  signal: AbortSignal,
): Promise<Planned<DeployRecord, DeployPlan>> {
  const found = diskOf(parts.templates.find(request.template), request.disk);
  const { template, version, disk } = found;
  if (request.bootProof) refuseUnprovableDeploy(found, request.bootProof);
  if (request.exact && (changesInside(request) || request.volumes.length > 0)) {
    throw new EngineError('BAD_REQUEST', { field: 'exact', reason: 'exact and changes' });
  }
  if (request.served && (request.exact || request.bootProof))
    throw new EngineError('BAD_REQUEST', { field: 'served', reason: 'served and exact, or a proof' });
  const look = async (manifest: ManifestReader, json: ManifestJson) => {
    const source = templateSource(parts.index, manifest, json);
    try {
      const tables = await readRecordedTables(source, disk.layout.table);
      const { layout } = tables;
      const image = await imageThere(parts.machine, request.target, signal);
      const asked = request.lengthBytes ?? image?.lengthBytes;
      const facts = {
        lengthBytes: asked ?? Math.max(disk.capacityBytes, layout.minimumBytes),
        sectorBytes: disk.layout.sectorBytes,
        physicalSectorBytes: disk.layout.physicalSectorBytes,
      };
      const volume = volumeAt(vm, request.target);
      const target = volume
        ? describeVolume(request.target, volume, facts)
        : await describeTarget(parts.machine, request.target, facts);
      const device =
        target.place.kind === 'device' ? await parts.machine.deviceAt(target.place.path, parts.layout.root) : null;
      const hasRoot = isRoot() || device?.asksRights.toWrite === true;
      const planned = await planVolumes({
        source,
        tables,
        regions: json.regions,
        disk: disk.layout,
        diskCount: version.disks.length,
        target: target.place,
        request,
        abilities: await abilitiesHere(hasRoot),
        scratchFolder: parts.layout.scratch,
      });
      const volumes = [...planned.volumes];
      const places = placesOf(tables, volumes);
      const { relocation, checks: moved } = await planRelocation(
        source,
        tables,
        sectorsOf(target.place),
        places,
        madeAnew(volumes),
      );
      // of what has no room, that is said which knows how small it could be
      const isTooSmall = planned.checks.some(({ code }) => code === 'TARGET_TOO_SMALL');
      const opened = await openDisk(source);
      const unread = notLookedInto(opened, disk.layout);
      const said = identityAsked(request, found, unread);
      const own = said ? null : await readMachineMarks(opened.input.volumes, signal);
      const before = target.exists ? await lookAt(parts.machine, target.place.path, own !== null, signal) : null;
      const there = { ...target, marks: before?.marks ?? null };
      const isChangeable = !request.exact && said?.because !== 'nothing-to-renew';
      const recorded = isChangeable ? await readRecordedSettings(opened.input.volumes, signal) : null;
      const identity = said ?? chooseIdentity(parts.jobs, found, own, unread, there);
      const after = afterVolumes(afterDeploy(disk.layout, target.place), volumes);
      const first = readsFirst(parts.jobs, request, template.name, target.place, before?.view ?? null, after);
      const isDevice = target.place.kind === 'device' || volume !== null;
      const boot = await planBoot(opened, tables, volumes, { ...target.place, isDevice, hasRoot }, request, signal);
      const isOnly = version.disks.length === 1;
      const vmBus = vm?.disks.find((one) => one.disk === found.number)?.bus ?? null;
      const kernels = await known.of(found.manifest, opened, request.drivers === 'all', signal);
      // a disk of several may well be without a system, if another has one
      const isAlone = isOnly || !version.guest?.family.value;
      const askedDrivers = { request, vmBus, device, hasRoot, isAlone: isOnly };
      const added = await putIns.of(found.manifest, opened, request, wantedBuses(askedDrivers), isAlone, signal);
      const drivers = await planDrivers(opened, withPutIn(kernels, added.putIn), askedDrivers, signal);
      const move = { from: version.platform, to: platformOf(target.place, device, null).value };
      const network = request.settings?.network ?? [];
      const otherMachine = await moveChecks(move, recorded?.network ?? [], network, opened.input.volumes, signal);
      const idSeed = randomUUID();
      const options = {
        isDevice,
        hasRoot,
        isAlone,
        idSeed,
        copied: boot.copied,
        drivers: added.changes,
        searches: searches.of(found.manifest),
      };
      const chosen = await planIdentity(
        opened,
        { ...request, identity: identity.becomes },
        identity,
        unread,
        disk.layout,
        volumes,
        options,
        signal,
      );
      const { inside } = chosen;
      const alike = await attached.checksFor(source, target.place, inside.identifiers, signal);
      const checks = withOverrides(
        [
          disk.health === 'damaged'
            ? { code: 'TEMPLATE_DAMAGED', level: 'block', data: { template: template.name } }
            : { code: 'TEMPLATE_HEALTHY', level: 'pass', data: { template: template.name } },
          ...incompleteCheck(template.name, disk),
          ...consistencyCheck(template.name, version),
          ...planned.checks,
          ...moved.filter(({ code }) => !isTooSmall || code !== 'TARGET_TOO_SMALL'),
          ...(await outsideChecks(manifest, json, layout, relocation, target.place, places)),
          ...(await endChecks(source, layout, target.place)),
          ...sectorCheck(target.place, disk.capacityBytes),
          ...(vm && volume
            ? volumeChecks(vm, request.target, target.place.lengthBytes, facts.lengthBytes)
            : target.place.kind === 'device'
              ? checkDevice(target.place, device)
              : await checkFile(parts.machine, target, disk.usedBytes, parts.layout.root)),
          ...(request.served
            ? servedChecks(target.place, target.exists, volumes)
            : imageTargetChecks(target, image, request.diskFormat)),
          ...formatChecks(target, request.diskFormat),
          ...first,
          ...besides,
          ...(isAlone || recorded ? networkChecks(network, recorded?.network ?? []) : []),
          ...inside.checks,
          ...chosen.checks,
          ...boot.checks,
          ...drivers.checks,
          ...added.checks,
          ...isoChecks(request, device),
          ...otherMachine,
          ...alike,
        ],
        request.overrides,
      );
      const book = await openRulebook(parts);
      const guest = version.guest ?? (await guestOf(source, opened.volumes, book.endOfLife, signal));
      const report = await deployReport(parts, book, found, guest, { ...target, device }, request);
      const plan = {
        planId: randomUUID(),
        expiresAt,
        templateId: template.id,
        templateName: template.name,
        versionNumber: version.number,
        disk: found.number,
        diskCount: version.disks.length,
        vm: vm && withPath(vm, request.target, target.place.path),
        target: target.place,
        writeBytes: disk.usedBytes,
        confirmWords: confirmWords(target.place, request.target, vm),
        needsOverwrite: target.exists && target.place.kind === 'file',
        asksRights: device?.asksRights.toWrite === true,
      };
      const record: DeployRecord = {
        ...plan,
        kind: 'deploy',
        request: { ...request, identity: chosen.identity.becomes },
        refusal: refusalOf(checks, report),
        asked: resolve(request.target),
        edges: before?.edges ?? '',
        readsFirst: first.length > 0,
        idSeed,
        told: toldAtEnd(checks, target.place.path),
        volumes,
        copied: [...boot.copied],
        active: boot.active,
        driverMaking: drivers.making,
        putIn: added.putIn,
        overridden: [...overriddenCodes(checks), ...overriddenRules(report)],
      };
      const view: DeployPlan = {
        ...plan,
        before: before?.view ?? null,
        after: afterIdentifiers(after, inside.identifiers),
        volumes,
        guestChanges: inside.guestChanges,
        settingNotes: inside.settingNotes,
        // what is unpacked to be rewritten is read
        boot: boot.links.filter(({ code }) => !inside.rewritesCore || code !== 'core-prefix'),
        drivers: drivers.drivers,
        driverMaking: drivers.making,
        putIn: added.putIn,
        identifiers: [...inside.identifiers],
        recorded,
        identity: chosen.identity,
        checks,
        report,
        canRun: record.refusal === null,
      };
      return { record, view };
    } finally {
      await source.close();
    }
  };
  return ofDisk(numberOf(found.number - 1, version.disks.length), () => withManifest(parts, found, look));
}

/** Whoever carries out a plan with rights that were asked for opens no file but those of the catalog. */
function isoChecks({ virtioDrivers }: DeployRequest, device: DeviceView | null): Check[] {
  if (virtioDrivers === undefined || !device?.asksRights.toWrite) return [];
  return [{ code: 'DRIVERS_NEED_RIGHTS', level: 'block', data: { path: virtioDrivers } }];
}

/** Of a device the serial number or the path, as it was given or as it is; of a machine that is reloaded its name. */
function confirmWords(place: PlaceView, asked: string, vm: PlannedVm | null): string[] {
  if (vm) return vm.isReload ? [...new Set([vm.name, vm.place])] : [];
  if (place.kind !== 'device') return [];
  return [...new Set([place.serial, place.path, asked].filter((word) => word !== ''))];
}

/** Links on the way to a disk are followed as for any target. */
function withPath(vm: PlannedVm, asked: string, path: string): PlannedVm {
  return { ...vm, disks: vm.disks.map((disk) => (disk.path === asked ? { ...disk, path } : disk)) };
}

/** What lies on a target before it is written. */
interface Seen {
  readonly view: DiskView | null;
  readonly edges: string;
  readonly marks: MachineMarks | null;
}

/**
 * What a target holds now, for the words of the confirmation; what a capture would have to warn about is not asked here.
 * A target may be anything, even unreadable in places: not knowing what it holds is no reason against writing it.
 * @param isMachineAsked whether it is of interest which machine's it is
 */
async function lookAt(
  machine: Machine,
  path: string,
  isMachineAsked: boolean,
  signal: AbortSignal,
): Promise<Seen | null> {
  const opened = await openSource(machine, path, null, signal).catch((error) => {
    if (signal.aborted) throw error;
    return null;
  });
  if (!opened) return null;
  const { source } = opened;
  try {
    const edges = await hashOfEdges(source.lengthBytes, (offset, into) => source.readInto(offset, into));
    const view = await inspectDisk(source, signal).catch((error) => {
      if (signal.aborted) throw error;
      return null;
    });
    const marks = isMachineAsked && view ? await marksOn(source, signal) : null;
    return { view: view && withoutWarnings(view.view), edges, marks };
  } finally {
    await opened.source.close();
  }
}

async function marksOn(source: BlockSource, signal: AbortSignal): Promise<MachineMarks | null> {
  try {
    const { volumes } = await guestInputOf([{ source, opened: await openVolumes(source) }]);
    return await readMachineMarks(volumes, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    return null;
  }
}

function withoutWarnings(disk: DiskView): DiskView {
  return {
    ...disk,
    warnings: [],
    account: null,
    volumes: disk.volumes.map((volume) => ({ ...volume, warnings: [] })),
    groups: disk.groups.map((group) => ({
      ...group,
      volumes: group.volumes.map((volume) => ({ ...volume, warnings: [] })),
    })),
  };
}

function afterDeploy(disk: DiskView, place: PlaceView): DiskView {
  const { lengthBytes, sectorBytes, physicalSectorBytes } = place;
  return { ...withoutWarnings(disk), lengthBytes, sectorBytes, physicalSectorBytes };
}
