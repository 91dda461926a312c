/** What the metadata of a volume group says, in numbers that have been checked. LVM2, lib/format_text/import_vsn1.c. */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { LVM_SECTOR_BYTES } from './label.ts';
import { parseMetadata, type ConfigSection } from './text.ts';

/** A group has at most this many volumes of either kind, and a volume this many segments. */
const MAX_VOLUMES = 20_000;
const MAX_EXTENTS = 2 ** 32;
const MAX_BYTES = Number.MAX_SAFE_INTEGER;

export interface PhysicalVolume {
  /** what segments call it: 'pv0' */
  readonly name: string;
  readonly uuid: string;
  readonly startBytes: number;
  readonly extentCount: number;
  /** the group itself says that it is gone */
  readonly isMissing: boolean;
}

export interface Segment {
  readonly startExtent: number;
  readonly extentCount: number;
  /** 'striped' for linear too; anything else is of one's own kind: 'thin-pool', 'raid1'… */
  readonly type: string;
  /** 0 where stripes are not told */
  readonly stripeBytes: number;
  /** physical volumes that it lies on by itself, with the first extent there */
  readonly areas: readonly { readonly physicalVolume: string; readonly extent: number }[];
  /** logical volumes that it names, and as what: 'pool', 'origin'… */
  readonly needs: readonly { readonly logicalVolume: string; readonly as: string }[];
}

export interface LogicalVolume {
  readonly name: string;
  /** '' where the text has none */
  readonly uuid: string;
  readonly isVisible: boolean;
  readonly extentCount: number;
  /** in order, without gaps */
  readonly segments: readonly Segment[];
}

export interface GroupText {
  readonly name: string;
  readonly uuid: string;
  readonly sequence: number;
  readonly extentBytes: number;
  readonly physicalVolumes: ReadonlyMap<string, PhysicalVolume>;
  readonly logicalVolumes: ReadonlyMap<string, LogicalVolume>;
}

/** @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED` */
export function readGroupText(text: string): GroupText {
  const root = parseMetadata(text);
  const groups = [...root.sections];
  if (groups.length !== 1 || root.values.get('contents') !== 'Text Format Volume Group') invalid('contents');
  if (root.values.get('version') !== 1) throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'metadata version' });
  const [name, group] = groups[0];
  checkName(name);
  const extentBytes = number(group, 'extent_size', 1, MAX_BYTES / LVM_SECTOR_BYTES) * LVM_SECTOR_BYTES;
  const physicalVolumes = new Map<string, PhysicalVolume>();
  for (const [pvName, section] of entries(group, 'physical_volumes')) {
    physicalVolumes.set(pvName, physicalVolume(pvName, section));
  }
  const logicals = entries(group, 'logical_volumes');
  const logicalNames = new Set(logicals.map(([lvName]) => lvName));
  const logicalVolumes = new Map<string, LogicalVolume>();
  for (const [lvName, section] of logicals) {
    const volume = logicalVolume(lvName, section, physicalVolumes, logicalNames);
    checkRange('size', volume.extentCount * extentBytes, 0, MAX_BYTES);
    logicalVolumes.set(lvName, volume);
  }
  return {
    name,
    uuid: string(group, 'id'),
    sequence: number(group, 'seqno', 0, MAX_EXTENTS),
    extentBytes,
    physicalVolumes,
    logicalVolumes,
  };
}

function physicalVolume(name: string, section: ConfigSection): PhysicalVolume {
  return {
    name,
    uuid: string(section, 'id'),
    startBytes: number(section, 'pe_start', 0, MAX_BYTES / LVM_SECTOR_BYTES) * LVM_SECTOR_BYTES,
    extentCount: number(section, 'pe_count', 0, MAX_EXTENTS),
    isMissing: [...list(section, 'status'), ...list(section, 'flags')].includes('MISSING'),
  };
}

function logicalVolume(
  name: string,
  section: ConfigSection,
  physicalVolumes: ReadonlyMap<string, PhysicalVolume>,
  logicalNames: ReadonlySet<string>,
): LogicalVolume {
  checkName(name);
  const count = number(section, 'segment_count', 0, section.sections.size);
  const segments: Segment[] = [];
  for (let i = 1; i <= count; i++) {
    const inner = section.sections.get(`segment${i}`) ?? invalid(`segment${i}`);
    segments.push(segment(inner, physicalVolumes, logicalNames));
  }
  segments.sort((a, b) => a.startExtent - b.startExtent);
  let extentCount = 0;
  for (const { startExtent, extentCount: extents } of segments) {
    checkRange('start_extent', startExtent, extentCount, extentCount);
    extentCount += extents;
  }
  const id = section.values.get('id');
  const uuid = typeof id === 'string' ? id : '';
  return { name, uuid, isVisible: list(section, 'status').includes('VISIBLE'), extentCount, segments };
}

function segment(
  section: ConfigSection,
  physicalVolumes: ReadonlyMap<string, PhysicalVolume>,
  logicalNames: ReadonlySet<string>,
): Segment {
  const areas: { physicalVolume: string; extent: number }[] = [];
  const needs: { logicalVolume: string; as: string }[] = [];
  for (const [key, value] of section.values) {
    if (key === 'type' || key === 'tags') continue;
    const items = typeof value === 'object' ? value : [value];
    items.forEach((item, i) => {
      if (typeof item !== 'string') return;
      const extent = items[i + 1];
      // a name of a physical volume goes before the same name of a logical one, as in LVM2 itself
      if (physicalVolumes.has(item) && typeof extent === 'number') {
        areas.push({ physicalVolume: item, extent: checkRange('extent', extent, 0, MAX_EXTENTS) });
      } else if (logicalNames.has(item)) needs.push({ logicalVolume: item, as: key });
    });
  }
  return {
    startExtent: number(section, 'start_extent', 0, MAX_EXTENTS),
    extentCount: number(section, 'extent_count', 1, MAX_EXTENTS),
    type: string(section, 'type'),
    stripeBytes: section.values.has('stripe_size')
      ? number(section, 'stripe_size', 0, MAX_EXTENTS) * LVM_SECTOR_BYTES
      : 0,
    areas,
    needs,
  };
}

/** The manual page lvm(8), "Valid names". */
function checkName(name: string): void {
  if (!/^[\w+.-]{1,127}$/.test(name)) invalid('name');
}

function invalid(field: string): never {
  throw new EngineError('FORMAT_INVALID', { field, value: '' });
}

function entries(section: ConfigSection, name: string): [string, ConfigSection][] {
  const found = [...(section.sections.get(name)?.sections ?? [])];
  checkRange(name, found.length, 0, MAX_VOLUMES);
  return found;
}

function number(section: ConfigSection, name: string, min: number, max: number): number {
  const value = section.values.get(name);
  return checkRange(name, typeof value === 'number' ? value : NaN, min, Math.floor(max));
}

function string(section: ConfigSection, name: string): string {
  const value = section.values.get(name);
  return typeof value === 'string' ? value : invalid(name);
}

function list(section: ConfigSection, name: string): readonly (string | number)[] {
  const value = section.values.get(name) ?? [];
  return typeof value === 'object' ? value : [value];
}
