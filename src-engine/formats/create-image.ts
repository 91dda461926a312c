/** The formats that disks can be written in. */
import type { CreateImage, ImageOptions, LengthRule } from './image-writer.port.ts';
import { QCOW2_LENGTH } from './qcow2/layout.ts';
import { createQcow2 } from './qcow2/writer.ts';
import { createRaw, RAW_LENGTH } from './raw/writer.ts';
import { createVdi, VDI_LENGTH } from './vdi/writer.ts';
import { createVhd, VHD_LENGTH } from './vhd/writer.ts';
import { createVhdx, vhdxLength } from './vhdx/writer.ts';
import { createVmdkSparse, VMDK_LENGTH } from './vmdk/sparse-writer.ts';
import { createVmdkStream } from './vmdk/stream-writer.ts';

/** qcow2 is compressed with zstd; qcow2-zlib is for QEMU before 5.1. vmdk-stream is what OVAs hold. */
export const WRITTEN_FORMATS = ['raw', 'qcow2', 'qcow2-zlib', 'vmdk', 'vmdk-stream', 'vdi', 'vhd', 'vhdx'] as const;
export type WrittenFormat = (typeof WRITTEN_FORMATS)[number];

const CREATE: Record<WrittenFormat, CreateImage> = {
  raw: createRaw,
  qcow2: createQcow2('zstd'),
  'qcow2-zlib': createQcow2('zlib'),
  vmdk: createVmdkSparse,
  'vmdk-stream': createVmdkStream,
  vdi: createVdi,
  vhd: createVhd,
  vhdx: createVhdx,
};

/** Begins an image. @throws EngineError `FORMAT_UNSUPPORTED` where the format has no disks of that length */
export function createImage(format: WrittenFormat): CreateImage {
  return CREATE[format];
}

/** What a format does to the length of a disk, for plans. */
export function lengthRule(format: WrittenFormat, { sectorBytes }: Pick<ImageOptions, 'sectorBytes'>): LengthRule {
  if (format === 'raw') return RAW_LENGTH;
  if (format === 'vdi') return VDI_LENGTH;
  if (format === 'vhd') return VHD_LENGTH;
  if (format === 'vhdx') return vhdxLength(sectorBytes);
  return format === 'qcow2' || format === 'qcow2-zlib' ? QCOW2_LENGTH : VMDK_LENGTH;
}
