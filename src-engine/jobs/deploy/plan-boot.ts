/** What of a deploy's plan is about starting: the chains of the template, what a deploy breaks of them, and what it makes right. */
import type { BootLink } from '../../contract/boot-chain.contract.ts';
import type { VolumePlan } from '../../contract/deploy.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { missingActive } from '../../boot-chain/active-partition.ts';
import { readBootAccount } from '../../boot-chain/boot-account.ts';
import { bootLinks } from '../../boot-chain/boot-links.ts';
import { expectedAccount } from '../../boot-chain/expected-account.ts';
import { fallbackCopies, type CopiedLoader } from '../../boot-chain/fallback-loader.ts';
import { openVolumes, type OpenedVolume } from '../../inspection/disk-inspection.ts';
import { guestInputOf } from '../../inspection/guest-of.ts';
import { findTool } from '../../tools/tools.ts';
import type { Tables } from '../../volumes/read-layout.ts';
import { writerOf } from '../../writers/write-volume.ts';
import type { DeployRecord } from '../plan-records.ts';
import { isFromScratch, placesOf } from './plan-volumes.ts';
import { placeOnDisk } from './volume-on-disk.ts';

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
 * @param source the template @param volumes where each goes
 * @param sectorBytes what the target counts in
 * @throws EngineError `READ_FAILED` and what reading a template throws
 */
export async function planBoot(
  source: BlockSource,
  tables: Tables,
  volumes: readonly VolumePlan[],
  sectorBytes: number,
  request: Pick<DeployRecord['request'], 'exact' | 'fallbackLoader'>,
  isDevice: boolean,
  signal: AbortSignal,
): Promise<BootPlan> {
  const { layout } = tables;
  const opened = await openVolumes(source);
  const input = await guestInputOf([{ source, opened }]);
  const before = await readBootAccount(source, layout, input.volumes, signal);
  const copied: CopiedLoader[] = [];
  const notCopied: BootLink[] = [];
  for (const efi of request.exact || request.fallbackLoader === 'keep' ? [] : before.efi) {
    const copies = await fallbackCopies(
      efi,
      input.volumes.find(({ ref }) => ref === efi.volume)!,
      signal,
    );
    const reason = copies.length > 0 ? await whyNot(opened, copies, isDevice, signal) : null;
    if (reason === null) copied.push(...copies);
    else notCopied.push(linkOf(efi.volume, reason));
  }
  const active = request.exact ? null : missingActive(before);
  const spans = placesOf(tables, volumes);
  const places = contentPlaces(tables, volumes);
  const after = expectedAccount(before, layout, { places, spans, sectorBytes, copied, active });
  const links = [...bootLinks(before, after, { copied, active }), ...notCopied];
  const broken = links.filter(({ state }) => state === 'broken').length;
  const checks: Check[] = broken > 0 ? [{ code: 'BOOT_CHAIN_BROKEN', level: 'warn', data: { count: broken } }] : [];
  return { links, checks, copied, active };
}

const linkOf = (volume: string, reason: string): BootLink => ({
  firmware: 'uefi',
  state: 'unproven',
  code: 'fallback-not-copied',
  data: { volume, reason },
});

/** Where the content of each partition comes to lie; null for what a program puts elsewhere in it. */
export function contentPlaces(tables: Tables, volumes: readonly VolumePlan[]) {
  const places = placesOf(tables, volumes);
  return tables.layout.partitions.map(({ startBytes }, i) => {
    const planned = volumes.find(({ beforeStartBytes }) => beforeStartBytes === startBytes);
    return planned && isFromScratch(planned) ? null : places[i];
  });
}

async function whyNot(
  opened: readonly OpenedVolume[],
  copies: readonly CopiedLoader[],
  isDevice: boolean,
  signal: AbortSignal,
): Promise<string | null> {
  const volume = opened.find(({ ref }) => ref === copies[0].volume);
  const writer = volume?.fileSystem && writerOf(volume.fileSystem.kind);
  if (!volume?.fileSystem || !writer || !placeOnDisk(opened, volume.ref)) return 'no-writer';
  if (isDevice && process.geteuid?.() !== 0) return 'needs-root';
  if (writer.tools.some((tool) => !findTool(tool))) return 'no-tool';
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
