/** Physical volumes of LVM2, built byte by byte and without the code under test. */

/** CRC-32 bit by bit, as LVM2 begins and ends it. */
export function crcOfLvm(bytes: Uint8Array): number {
  let crc = 0xf597a6cf;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return crc >>> 0;
}

export interface PvOptions {
  /** 32 characters */
  uuid: string;
  /** the metadata; null for none */
  text: string | null;
  labelSector?: number;
  areaStart?: number;
  areaSize?: number;
  /** of the text, from the start of the area; it goes on behind the header where the area ends */
  textOffset?: number;
  flags?: number;
}

/** Writes label, header and metadata area into a volume. */
export function writePhysicalVolume(volume: Buffer, options: PvOptions): void {
  const { uuid, text, labelSector = 1, areaStart = 4096, areaSize = 60 * 1024, textOffset = 512, flags = 0 } = options;
  const label = volume.subarray(labelSector * 512, labelSector * 512 + 512);
  label.write('LABELONE', 0, 'latin1');
  label.writeBigUInt64LE(BigInt(labelSector), 8);
  label.writeUInt32LE(32, 20);
  label.write('LVM2 001', 24, 'latin1');
  label.write(uuid, 32, 'latin1');
  label.writeBigUInt64LE(BigInt(volume.length), 64);
  label.writeBigUInt64LE(1024n * 1024n, 72);
  label.writeBigUInt64LE(BigInt(areaStart), 104);
  label.writeBigUInt64LE(BigInt(areaSize), 112);
  label.writeUInt32LE(2, 136);
  sealLabel(volume, labelSector);

  const area = volume.subarray(areaStart, areaStart + areaSize);
  area.write(' LVM2 x[5A%r0N*>', 4, 'latin1');
  area.writeUInt32LE(1, 20);
  area.writeBigUInt64LE(BigInt(areaStart), 24);
  area.writeBigUInt64LE(BigInt(areaSize), 32);
  if (text !== null) {
    const bytes = Buffer.from(`${text}\0`);
    area.writeBigUInt64LE(BigInt(textOffset), 40);
    area.writeBigUInt64LE(BigInt(bytes.length), 48);
    area.writeUInt32LE(flags, 60);
    const first = bytes.copy(area, textOffset);
    bytes.copy(area, 512, first);
    area.writeUInt32LE(crcOfLvm(bytes), 56);
  }
  sealArea(volume, areaStart);
}

export function sealLabel(volume: Buffer, sector: number): void {
  const label = volume.subarray(sector * 512, sector * 512 + 512);
  label.writeUInt32LE(crcOfLvm(label.subarray(20)), 16);
}

export function sealArea(volume: Buffer, areaStart: number): void {
  const header = volume.subarray(areaStart, areaStart + 512);
  header.writeUInt32LE(crcOfLvm(header.subarray(4)), 0);
}

export const PV_UUIDS = ['a', 'b', 'c'].map((letter) => letter.repeat(32));
const dashed = (uuid: string) => uuid.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/, '$1-$2-$3-$4-$5-$6-$7');

export interface TextOptions {
  name?: string;
  id?: string;
  sequence?: number;
  /** number of physical volumes, from the front of {@link PV_UUIDS} */
  members?: number;
  extentCount?: number;
  volumes?: string;
}

/** Metadata with extents of 64 KiB, from 1 MiB on. */
export function groupText(options: TextOptions = {}): string {
  const {
    name = 'lab',
    id = 'group',
    sequence = 1,
    members = 1,
    extentCount = 32,
    volumes = linear('one', 0, 8),
  } = options;
  const physical = PV_UUIDS.slice(0, members).map(
    (uuid, i) =>
      `pv${i} {\nid = "${dashed(uuid)}"\ndevice = "/dev/sd${i}" # a hint\nstatus = ["ALLOCATABLE"]\nflags = []\ndev_size = 8192\npe_start = 2048\npe_count = ${extentCount}\n}`,
  );
  return `${name} {
id = "${id}"
seqno = ${sequence}
format = "lvm2"
status = ["RESIZEABLE", "READ", "WRITE"]
flags = []
extent_size = 128
max_lv = 0
max_pv = 0
metadata_copies = 0

physical_volumes {
${physical.join('\n')}
}

logical_volumes {
${volumes}
}
}
# Generated for a test
contents = "Text Format Volume Group"
version = 1
description = "made with \\"quotes\\" and \\\\"
creation_host = "here"	# Linux
creation_time = 1700000000
`;
}

export function volume(name: string, segments: string[], status = '"READ", "WRITE", "VISIBLE"'): string {
  const inner = segments.map((segment, i) => `segment${i + 1} {\n${segment}\n}`).join('\n');
  return `${name} {\nid = "${name}"\nstatus = [${status}]\nflags = []\nsegment_count = ${segments.length}\n${inner}\n}\n`;
}

export function segment(start: number, count: number, rest: string): string {
  return `start_extent = ${start}\nextent_count = ${count}\n${rest}`;
}

/** A volume of one run. */
export function linear(name: string, extent: number, count: number, pv = 'pv0'): string {
  return volume(name, [segment(0, count, `type = "striped"\nstripe_count = 1\nstripes = ["${pv}", ${extent}]`)]);
}
