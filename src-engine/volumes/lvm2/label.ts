/**
 * The label of a physical volume and what follows it: where its metadata is. LVM2, lib/format_text/layout.h (label_header,
 * pv_header, disk_locn, pv_header_extension) and the manual page lvmreport.
 */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { struct, text, u32le, u64le } from '../../core/struct.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import type { Patch } from '../layout.port.ts';
import { lvmCrc } from './crc.ts';

/** LVM2 counts in sectors of this size, whatever the disk has. */
export const LVM_SECTOR_BYTES = 512;
/** The label is in one of the first four sectors. */
export const LABEL_SCAN_BYTES = 4 * LVM_SECTOR_BYTES;
/** Tools write one or two metadata areas, and one data area; the header ends with its sector anyway. */
const MAX_AREAS = 8;
const CRC_FROM = 20;

const labelStruct = struct(32, {
  id: text(0, 8),
  sector: u64le(8),
  crc: u32le(16),
  offset: u32le(20),
  type: text(24, 8),
});
const pvStruct = struct(40, { uuid: text(0, 32), deviceBytes: u64le(32) });
const areaStruct = struct(16, { offset: u64le(0), size: u64le(8) });
const extensionStruct = struct(8, { version: u32le(0), flags: u32le(4) });

export interface PhysicalVolumeLabel {
  /** as LVM2 writes it: 6-4-4-4-4-4-6 characters */
  readonly uuid: string;
  /** the sector that it was found in */
  readonly sector: Extent;
  readonly metadataAreas: readonly Extent[];
  /** room that pvcreate left for a boot loader, or none */
  readonly bootloaderAreas: readonly Extent[];
}

/**
 * @returns null where no sector has a label of LVM2
 * @throws EngineError `FORMAT_INVALID` for one that is damaged; data: `checksum` or `field`
 */
export async function readLabel(volume: BlockSource): Promise<PhysicalVolumeLabel | null> {
  const head = await readBytes(volume, 0, Math.min(LABEL_SCAN_BYTES, volume.lengthBytes));
  for (let at = 0; at + LVM_SECTOR_BYTES <= head.length; at += LVM_SECTOR_BYTES) {
    const sector = head.subarray(at, at + LVM_SECTOR_BYTES);
    const label = labelStruct.read(sector);
    if (label.id !== 'LABELONE' || label.type !== 'LVM2 001') continue;
    if (lvmCrc(sector.subarray(CRC_FROM)) !== label.crc) {
      throw new EngineError('FORMAT_INVALID', { checksum: 'label of the physical volume' });
    }
    checkRange('label sector', Number(label.sector), at / LVM_SECTOR_BYTES, at / LVM_SECTOR_BYTES);
    return { sector: { startBytes: at, lengthBytes: LVM_SECTOR_BYTES }, ...readHeader(volume, sector, label.offset) };
  }
  return null;
}

function readHeader(volume: BlockSource, sector: Buffer, offsetBytes: number): Omit<PhysicalVolumeLabel, 'sector'> {
  const header = pvStruct.read(sector, offsetBytes);
  const data = readAreas(volume, sector, offsetBytes + pvStruct.size);
  const metadata = readAreas(volume, sector, data.endBytes);
  const hasExtension =
    metadata.endBytes + extensionStruct.size <= sector.length &&
    extensionStruct.read(sector, metadata.endBytes).version > 0;
  const boot = hasExtension ? readAreas(volume, sector, metadata.endBytes + extensionStruct.size).areas : [];
  return { uuid: uuidOf(header.uuid), metadataAreas: metadata.areas, bootloaderAreas: boot };
}

/** A list of areas that ends with one of offset 0; an area of size 0 reaches to the end of the volume. */
function readAreas(volume: BlockSource, sector: Buffer, offsetBytes: number): { areas: Extent[]; endBytes: number } {
  const areas: Extent[] = [];
  for (let at = offsetBytes; ; at += areaStruct.size) {
    const area = areaStruct.read(sector, at);
    if (area.offset === 0n) return { areas, endBytes: at + areaStruct.size };
    checkRange('areas', areas.length, 0, MAX_AREAS);
    const startBytes = Number(area.offset);
    const lengthBytes = area.size === 0n ? volume.lengthBytes - startBytes : Number(area.size);
    checkSpan('area', startBytes, lengthBytes, volume.lengthBytes);
    areas.push({ startBytes, lengthBytes });
  }
}

function uuidOf(compact: string): string {
  if (!/^[\w!#]{32}$/.test(compact)) throw new EngineError('FORMAT_INVALID', { field: 'pv_uuid', value: '' });
  return compact.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/, '$1-$2-$3-$4-$5-$6-$7');
}

/** The label's sector of a volume, with another UUID. @throws EngineError as {@link readLabel} */
export async function renamedLabel(volume: BlockSource, { sector }: PhysicalVolumeLabel, uuid: string): Promise<Patch> {
  const bytes = await readBytes(volume, sector.startBytes, sector.lengthBytes);
  const compact = uuid.replaceAll('-', '');
  uuidOf(compact);
  pvStruct.write(bytes, { uuid: compact }, labelStruct.read(bytes).offset);
  labelStruct.write(bytes, { crc: lvmCrc(bytes.subarray(CRC_FROM)) });
  return { offsetBytes: sector.startBytes, bytes };
}

/**
 * The label's sector of a volume that gets another length, and whose metadata areas come to lie elsewhere.
 * @param areas all of them: where each is, and where it is to be
 * @throws EngineError as {@link readLabel}
 */
export async function resizedLabel(
  volume: BlockSource,
  { sector }: PhysicalVolumeLabel,
  deviceBytes: number,
  areas: readonly { readonly from: Extent; readonly to: Extent }[],
): Promise<Patch> {
  const bytes = await readBytes(volume, sector.startBytes, sector.lengthBytes);
  const header = labelStruct.read(bytes).offset;
  pvStruct.write(bytes, { deviceBytes: BigInt(deviceBytes) }, header);
  const { endBytes } = readAreas(volume, bytes, header + pvStruct.size);
  for (const [i, { from, to }] of areas.entries()) {
    const at = endBytes + i * areaStruct.size;
    checkRange('areas', Number(areaStruct.read(bytes, at).offset), from.startBytes, from.startBytes);
    areaStruct.write(bytes, { offset: BigInt(to.startBytes), size: BigInt(to.lengthBytes) }, at);
  }
  labelStruct.write(bytes, { crc: lvmCrc(bytes.subarray(CRC_FROM)) });
  return { offsetBytes: sector.startBytes, bytes };
}

/** PV_EXT_USED of lib/format_text/layout.h: it belongs to a group. */
const USED = 1;
const EXTENSION_VERSION = 2;

/**
 * Writes the label of a physical volume into its second sector, as pvcreate does.
 * @param head the beginning of the volume, at least {@link LABEL_SCAN_BYTES}
 * @param uuid 6-4-4-4-4-4-6 characters @param dataStartBytes where its extents begin; they reach to its end
 * @throws EngineError `FORMAT_INVALID` for a UUID that is none
 */
export function writeLabel(
  head: Buffer,
  uuid: string,
  deviceBytes: number,
  dataStartBytes: number,
  metadata: Extent,
): void {
  const compact = uuid.replaceAll('-', '');
  uuidOf(compact);
  const sector = head.subarray(LVM_SECTOR_BYTES, 2 * LVM_SECTOR_BYTES);
  labelStruct.write(sector, { id: 'LABELONE', sector: 1n, offset: labelStruct.size, type: 'LVM2 001' });
  pvStruct.write(sector, { uuid: compact, deviceBytes: BigInt(deviceBytes) }, labelStruct.size);
  // each list of areas ends with one of zeros
  const data = labelStruct.size + pvStruct.size;
  areaStruct.write(sector, { offset: BigInt(dataStartBytes), size: 0n }, data);
  const area = { offset: BigInt(metadata.startBytes), size: BigInt(metadata.lengthBytes) };
  areaStruct.write(sector, area, data + 2 * areaStruct.size);
  extensionStruct.write(sector, { version: EXTENSION_VERSION, flags: USED }, data + 4 * areaStruct.size);
  labelStruct.write(sector, { crc: lvmCrc(sector.subarray(CRC_FROM)) });
}
