/** From physical volumes to the volume groups that they make up. */
import { checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { findOverlap, joinExtents } from '../extents.ts';
import type { BrokenMember, VolumeGroup } from '../group.port.ts';
import { readGroupText, type GroupText } from './group-text.ts';
import { LABEL_SCAN_BYTES, readLabel, type PhysicalVolumeLabel } from './label.ts';
import { logicalVolumes } from './logical-volumes.ts';
import { readMetadataArea } from './metadata-area.ts';

export interface VolumeGroups {
  readonly groups: readonly VolumeGroup[];
  /** physical volumes that cannot be read as part of a group, as each of them shows itself or because of another */
  readonly broken: readonly BrokenMember[];
}

interface Found {
  readonly volume: number;
  readonly label: PhysicalVolumeLabel;
  readonly texts: readonly string[];
}

/**
 * Metadata is believed where every copy of it has the right checksum; the newest one counts. A group of which something is
 * damaged or contradicts itself is broken as a whole.
 * @param volumes those that may be physical volumes; others are passed over
 * @throws EngineError `READ_FAILED`
 */
export async function readVolumeGroups(volumes: readonly BlockSource[]): Promise<VolumeGroups> {
  const broken: BrokenMember[] = [];
  const found: Found[] = [];
  for (const [volume, source] of volumes.entries()) {
    await orBroken(broken, [volume], async () => {
      const physical = await readPhysicalVolume(source, volume);
      if (physical) found.push(physical);
    });
  }

  const newest = newestTexts(found, broken);
  const groups: VolumeGroup[] = [];
  const isOf = new Map<Found, GroupText>();
  for (const text of newest) {
    const uuids = new Set([...text.physicalVolumes.values()].map(({ uuid }) => uuid));
    for (const physical of found.filter(({ label }) => uuids.has(label.uuid))) {
      if (isOf.has(physical)) broken.push({ volume: physical.volume, reason: 'listed in two groups' });
      else isOf.set(physical, text);
    }
  }
  for (const text of newest) {
    const own = found.filter((physical) => isOf.get(physical) === text);
    const all = own.map(({ volume }) => volume);
    await orBroken(broken, all, async () => {
      if (own.some(({ volume }) => broken.some((member) => member.volume === volume))) {
        throw new EngineError('FORMAT_INVALID', { field: 'member of the group' });
      }
      if (own.length === 0) return;
      const group = groupOf(text, own, volumes);
      groups.push(group);
      for (const { volume } of own) {
        if (!group.members.some((member) => member.volume === volume)) {
          broken.push({ volume, reason: 'marked as missing' });
        }
      }
    });
  }
  for (const { volume } of found.filter((physical) => !isOf.has(physical))) {
    broken.push({ volume, reason: 'in no group' });
  }
  return { groups, broken: broken.filter((b, i) => broken.findIndex((other) => other.volume === b.volume) === i) };
}

/** Does some work; where that finds damage, the volumes are broken for that reason. */
async function orBroken(broken: BrokenMember[], volumes: readonly number[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof EngineError) || !['FORMAT_INVALID', 'FORMAT_UNSUPPORTED'].includes(error.code)) throw error;
    const { checksum, feature, field } = error.data;
    broken.push(...volumes.map((volume) => ({ volume, reason: String(checksum ?? feature ?? field) })));
  }
}

async function readPhysicalVolume(source: BlockSource, volume: number): Promise<Found | null> {
  const label = await readLabel(source);
  if (!label) return null;
  const texts: string[] = [];
  for (const area of label.metadataAreas) {
    const text = await readMetadataArea(source, area);
    if (text !== null) texts.push(text);
  }
  return { volume, label, texts };
}

/** The newest metadata of each group. Two of the same age that differ, or that cannot be read, break who carries them. */
function newestTexts(found: readonly Found[], broken: BrokenMember[]): GroupText[] {
  const carriers = new Map<string, number[]>();
  for (const { volume, texts } of found) {
    for (const text of texts) carriers.set(text, [...(carriers.get(text) ?? []), volume]);
  }
  const newest = new Map<string, { group: GroupText; text: string }>();
  for (const [text, volumes] of carriers) {
    try {
      const group = readGroupText(text);
      const known = newest.get(group.uuid);
      if (known && known.group.sequence === group.sequence) {
        throw new EngineError('FORMAT_INVALID', { field: 'seqno' });
      }
      if (!known || known.group.sequence < group.sequence) newest.set(group.uuid, { group, text });
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      const reason = String(error.data.feature ?? error.data.field);
      broken.push(...volumes.map((volume) => ({ volume, reason })));
    }
  }
  return [...newest.values()].map(({ group }) => group);
}

function groupOf(text: GroupText, found: readonly Found[], volumes: readonly BlockSource[]): VolumeGroup {
  const members = new Map<string, number>();
  const present: Found[] = [];
  for (const pv of text.physicalVolumes.values()) {
    const here = found.filter(({ label }) => label.uuid === pv.uuid);
    if (here.length > 1 || present.includes(here[0]))
      throw new EngineError('FORMAT_INVALID', { field: 'physical volume that is there twice' });
    if (here.length === 0 || pv.isMissing) continue;
    const lengthBytes = pv.extentCount * text.extentBytes;
    checkSpan('pe_count', pv.startBytes, lengthBytes, volumes[here[0].volume].lengthBytes);
    members.set(pv.name, present.length);
    present.push(here[0]);
  }
  const inner = logicalVolumes(text, members);
  return {
    kind: 'lvm2',
    name: text.name,
    uuid: text.uuid,
    isReadable: present.length === text.physicalVolumes.size,
    members: [...members].map(([name, member]) => {
      const { volume, label } = present[member];
      const { startBytes, extentCount } = text.physicalVolumes.get(name)!;
      const allocatable = { startBytes, lengthBytes: extentCount * text.extentBytes };
      const own = headerExtents(label, volumes[volume].lengthBytes, allocatable);
      const hidden = inner.hidden.filter((extent) => extent.member === member);
      return { volume, label: label.sector, metadata: joinExtents([...own, ...hidden]), allocatable };
    }),
    missingMembers: text.physicalVolumes.size - present.length,
    volumes: inner.volumes,
  };
}

/** Label and metadata: all that stands outside the extents of the group and means something. */
function headerExtents(label: PhysicalVolumeLabel, volumeBytes: number, extents: Extent): Extent[] {
  const head = { startBytes: 0, lengthBytes: Math.min(LABEL_SCAN_BYTES, volumeBytes) };
  const areas = [head, ...label.metadataAreas, ...label.bootloaderAreas];
  if (extents.lengthBytes > 0 && areas.some((area) => findOverlap([area, extents]))) {
    throw new EngineError('FORMAT_INVALID', { field: 'pe_start' });
  }
  return areas;
}
