/**
 * A physical volume that is all of its group, of another length, with its logical volumes one behind the other, each in one piece: its
 * label and its text. What is on the volumes is moved by whoever asks.
 */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import type { InnerVolume } from '../group.port.ts';
import type { Patch } from '../layout.port.ts';
import { readGroupText } from './group-text.ts';
import { LVM_SECTOR_BYTES, readLabel, resizedLabel } from './label.ts';
import { readMetadataArea, replacedText } from './metadata-area.ts';
import { changedSection, parseMetadata, type ConfigSection } from './text.ts';
import { writeMetadata } from './written-text.ts';

/** Areas begin with a page, as LVM2 lays them out. */
const AREA_UNIT_BYTES = 4096;

const NOTHING: ConfigSection = { values: new Map(), sections: new Map() };

/** What lies where in a physical volume. */
export interface MemberGeometry {
  /** of its first extent */
  readonly startBytes: number;
  readonly extentBytes: number;
  /** behind its extents: a second copy of the text, or nothing */
  readonly tailBytes: number;
  /** those that nobody sees are among them */
  readonly volumeCount: number;
}

/** Whether a logical volume is its own bytes, in one copy: it can be put elsewhere in its group. */
export const isPlain = ({ mapping, copies }: InnerVolume): boolean => mapping === 'linear' && copies.length === 1;

/** @returns whole extents in a physical volume of that length */
export function extentsIn({ startBytes, extentBytes, tailBytes }: MemberGeometry, lengthBytes: number): number {
  return Math.max(0, Math.floor((lengthBytes - startBytes - tailBytes) / extentBytes));
}

/** The least length of a physical volume with so many extents. */
export function lengthOf({ startBytes, extentBytes, tailBytes }: MemberGeometry, extents: number): number {
  return startBytes + extents * extentBytes + tailBytes;
}

/** A logical volume to be. */
export interface RepackedVolume {
  readonly name: string;
  /** in whole extents */
  readonly lengthBytes: number;
}

export interface Repacked {
  /** of the physical volume at its new length */
  readonly patches: readonly Patch[];
  /** where each logical volume comes to lie in it, in the order in which they were asked for */
  readonly places: readonly Extent[];
}

/** @throws EngineError `FORMAT_INVALID`, `READ_FAILED` */
export async function memberGeometry(member: BlockSource): Promise<MemberGeometry> {
  return (await readMember(member)).geometry;
}

async function readMember(member: BlockSource) {
  const label = await readLabel(member);
  if (!label) throw new EngineError('FORMAT_INVALID', { field: 'label', value: '' });
  const texts: string[] = [];
  for (const area of label.metadataAreas) {
    const read = await readMetadataArea(member, area);
    if (read !== null) texts.push(read);
  }
  const text = texts.toSorted((a, b) => readGroupText(b).sequence - readGroupText(a).sequence).at(0);
  if (text === undefined) throw new EngineError('FORMAT_INVALID', { field: 'metadata', value: '' });
  const group = readGroupText(text);
  const physical = [...group.physicalVolumes.values()].find(({ uuid }) => uuid === label.uuid);
  if (!physical) throw new EngineError('FORMAT_INVALID', { field: 'physical_volumes', value: label.uuid });
  const behind = label.metadataAreas.filter((area) => area.startBytes >= physical.startBytes);
  const tailBytes = behind.reduce((sum, { lengthBytes }) => sum + lengthBytes + AREA_UNIT_BYTES, 0);
  const volumeCount = group.logicalVolumes.size;
  const geometry = { startBytes: physical.startBytes, extentBytes: group.extentBytes, tailBytes, volumeCount };
  return { label, text, group, physical, behind, geometry };
}

/**
 * @param member as it is @param lengthBytes that it is to have @param volumes all of its group's, in the order in which they are to lie
 * @throws EngineError `FORMAT_INVALID` where they have no room, or are not all; `FORMAT_UNSUPPORTED` where the text has none; `READ_FAILED`
 */
export async function repackedMember(
  member: BlockSource,
  lengthBytes: number,
  volumes: readonly RepackedVolume[],
): Promise<Repacked> {
  const { label, text, group, physical, behind, geometry } = await readMember(member);
  const { startBytes, extentBytes } = geometry;
  checkRange('logical_volumes', volumes.length, group.logicalVolumes.size, group.logicalVolumes.size);
  const extentCount = extentsIn(geometry, lengthBytes);
  let extent = 0;
  const places: Extent[] = [];
  const root = parseMetadata(text);
  const section = sectionIn(root, group.name);
  // a group without volumes has no list of them
  const logicals = section.sections.get('logical_volumes') ?? NOTHING;
  const packed = new Map<string, ConfigSection>();
  for (const { name, lengthBytes: volumeBytes } of volumes) {
    const extents = checkRange('extent_count', volumeBytes / extentBytes, 1, extentCount - extent);
    places.push({ startBytes: startBytes + extent * extentBytes, lengthBytes: extents * extentBytes });
    packed.set(name, inOnePiece(sectionIn(logicals, name), extents, physical.name, extent));
    extent += extents;
  }

  let end = lengthBytes;
  const moved = new Map<Extent, Extent>();
  for (const area of behind.toReversed()) {
    end = Math.floor((end - area.lengthBytes) / AREA_UNIT_BYTES) * AREA_UNIT_BYTES;
    moved.set(area, { startBytes: end, lengthBytes: area.lengthBytes });
  }
  const areas = label.metadataAreas.map((area) => ({ from: area, to: moved.get(area) ?? area }));
  const physicals = sectionIn(section, 'physical_volumes');
  const deviceSectors = Math.floor(lengthBytes / LVM_SECTOR_BYTES);
  const own = changedSection(sectionIn(physicals, physical.name), { dev_size: deviceSectors, pe_count: extentCount });
  const repacked = changedSection(section, { seqno: group.sequence + 1 }, [
    ['physical_volumes', changedSection(physicals, {}, [[physical.name, own]])],
    ...(packed.size > 0 ? ([['logical_volumes', changedSection(logicals, {}, packed)]] as const) : []),
  ]);
  const written = writeMetadata(changedSection(root, {}, [[group.name, repacked]]));
  const patches = [await resizedLabel(member, label, lengthBytes, areas)];
  for (const { from, to } of areas) patches.push(...(await replacedText(member, from, to, written)));
  return { patches, places };
}

/** A linear volume of so many extents, from that extent on. */
function inOnePiece(volume: ConfigSection, extents: number, physicalVolume: string, extent: number): ConfigSection {
  const { values, sections } = changedSection(sectionIn(volume, 'segment1'), {
    start_extent: 0,
    extent_count: extents,
    stripe_count: 1,
    stripes: [physicalVolume, extent],
  });
  const segment = { values: new Map([...values].filter(([name]) => name !== 'stripe_size')), sections };
  const others = [...volume.sections].filter(([name]) => !/^segment\d+$/.test(name));
  const one = changedSection(volume, { segment_count: 1 });
  return { values: one.values, sections: new Map([...others, ['segment1', segment]]) };
}

function sectionIn(section: ConfigSection, name: string): ConfigSection {
  const found = section.sections.get(name);
  if (!found) throw new EngineError('FORMAT_INVALID', { field: name, value: '' });
  return found;
}
