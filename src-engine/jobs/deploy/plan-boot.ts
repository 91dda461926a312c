/** What of a deploy's plan is about starting: the chains of the template, what a deploy breaks of them, and what it makes right. */
import type { BootLink } from '../../contract/boot-chain.contract.ts';
import type { VolumePlan } from '../../contract/deploy.contract.ts';
import type { PlaceView } from '../../contract/disk.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import { missingActive } from '../../boot-chain/active-partition.ts';
import { readBootAccount, type BootAccount } from '../../boot-chain/boot-account.ts';
import { bootLinks } from '../../boot-chain/boot-links.ts';
import { entryLoader } from '../../boot-chain/entry-loader.ts';
import { expectedAccount } from '../../boot-chain/expected-account.ts';
import { fallbackCopies, type CopiedLoader } from '../../boot-chain/fallback-loader.ts';
import type { OpenedVolume } from '../../inspection/disk-inspection.ts';
import type { GuestVolume } from '../../guest/guest-input.ts';
import { hasFirmwareEntries } from '../../machines/firmware-entries.ts';
import { findTool, TOOL_PACKAGES } from '../../tools/tools.ts';
import { sectorsOf } from '../../versions/sector-move.ts';
import type { Tables } from '../../volumes/read-layout.ts';
import { writerOf } from '../../writers/write-volume.ts';
import type { DeployRecord } from '../plan-records.ts';
import type { OpenedDisk } from './opened-disk.ts';
import { besideGuest } from './plan-inside.ts';
import { isInPlace, placesOf } from './plan-volumes.ts';
import { writeRefusal, type Reach } from './write-refusal.ts';

export interface BootPlan {
  readonly links: BootLink[];
  readonly checks: readonly Check[];
  readonly copied: readonly CopiedLoader[];
  /** the partition that gets the mark of the active one */
  readonly active: string | null;
}

/** What a FAT keeps beside the bytes of a file: entries of folders, and clusters that are not filled. */
const FAT_EXTRA_BYTES = 256 * 1024;

/**
 * @param template opened @param volumes where each goes
 * @throws EngineError `READ_FAILED` and what reading a template throws
 */
export async function planBoot(
  { source, volumes: opened, input }: OpenedDisk,
  tables: Tables,
  volumes: readonly VolumePlan[],
  target: PlaceView & Reach,
  request: Pick<DeployRecord['request'], 'exact' | 'fallbackLoader' | 'efiEntry'>,
  signal: AbortSignal,
): Promise<BootPlan> {
  const { layout } = tables;
  const sectorBytes = sectorsOf(target).sectorBytes ?? layout.sectorBytes;
  const before = await readBootAccount(source, layout, input.volumes, signal);
  const copied: CopiedLoader[] = [];
  const notCopied: BootLink[] = [];
  for (const efi of request.exact || request.fallbackLoader === 'keep' ? [] : before.efi) {
    const copies = await fallbackCopies(
      efi,
      input.volumes.find(({ ref }) => ref === efi.volume)!,
      signal,
    );
    const reason =
      copies.length > 0
        ? ((await whyNot(opened, copies, target, signal)) ?? (await whyUnsafe(copies, input.volumes, signal)))
        : null;
    if (reason === null) copied.push(...copies);
    else notCopied.push(linkOf(efi.volume, reason));
  }
  const active = request.exact ? null : missingActive(before);
  const places = placesOf(tables, volumes);
  const isReworked = ({ method }: VolumePlan) => method === 'in-place' || !isInPlace({ method });
  const reworked = new Set(volumes.filter(isReworked).map(({ volume }) => volume));
  const after = expectedAccount(before, layout, { places, reworked, sectorBytes, copied, active });
  const links = [...bootLinks(before, after, { copied, active }), ...notCopied];
  const broken = links.filter(({ state }) => state === 'broken').length;
  const checks: Check[] = broken > 0 ? [{ code: 'BOOT_CHAIN_BROKEN', level: 'warn', data: { count: broken } }] : [];
  if (request.efiEntry) checks.push(...firmwareEntryChecks(target, after));
  return { links, checks, copied, active };
}

const linkOf = (volume: string, reason: string): BootLink => ({
  firmware: 'uefi',
  state: 'unproven',
  code: 'fallback-not-copied',
  data: { volume, reason },
});

async function whyNot(
  opened: readonly OpenedVolume[],
  copies: readonly CopiedLoader[],
  reach: Reach,
  signal: AbortSignal,
): Promise<string | null> {
  const volume = opened.find(({ ref }) => ref === copies[0].volume);
  if (!volume?.fileSystem) return 'no-writer';
  const refusal = writeRefusal(opened, volume.ref, volume.fileSystem.kind, reach);
  if (refusal !== null) return refusal === 'needs-root' ? refusal : 'no-writer';
  if (writerOf(volume.fileSystem.kind)!.tools.some((tool) => !findTool(tool))) return 'no-tool';
  let freeBytes = volume.fileSystem.lengthBytes - FAT_EXTRA_BYTES;
  try {
    for await (const batch of volume.fileSystem.used(signal)) {
      for (const { lengthBytes } of batch) freeBytes -= lengthBytes;
    }
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'FORMAT_INVALID') throw error;
    return 'no-writer';
  }
  return copies.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0) > freeBytes ? 'no-room' : null;
}

/** What a partition has in the place of the copies may be no place to write to: whoever asked for nothing is not refused for that. */
async function whyUnsafe(
  copies: readonly CopiedLoader[],
  volumes: readonly GuestVolume[],
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const changes = await besideGuest(copies, volumes, signal);
    return changes.flatMap(({ steps }) => steps).filter((step) => step.do === 'put-file').length === copies.length
      ? null
      : 'no-writer';
  } catch (error) {
    if (!(error instanceof EngineError) || error.code === 'ABORTED') throw error;
    return 'no-writer';
  }
}

/** @param account of the target as it will be @returns what forbids an entry in this machine's firmware */
function firmwareEntryChecks(target: PlaceView & Reach, account: BootAccount): Check[] {
  const refuse = (reason: string): Check[] => [{ code: 'FIRMWARE_ENTRY_IMPOSSIBLE', level: 'block', data: { reason } }];
  if (target.kind !== 'device') return refuse('not-attached');
  if (!hasFirmwareEntries()) return refuse('no-uefi');
  if (!entryLoader(account)) return refuse('no-loader');
  if (!target.hasRoot) return refuse('needs-root');
  const tool = 'efibootmgr';
  return findTool(tool) ? [] : [{ code: 'TOOL_MISSING', level: 'block', data: { tool, package: TOOL_PACKAGES[tool] } }];
}
