/** Writes raw images: byte N of the disk is byte N of the file, and what was not written is a hole. */
import { blockWriter } from '../block-writer.ts';
import type { CreateImage, LengthRule } from '../image-writer.port.ts';

export const RAW_LENGTH: LengthRule = { stepBytes: 1, maxBytes: 2 ** 52, overheadBytes: () => 0 };

export const createRaw: CreateImage = async (file, lengthBytes) => {
  await file.setLength(lengthBytes);
  const layout = { lengthBytes, blockBytes: Math.max(1, lengthBytes), place: async () => 0, finish: async () => {} };
  return blockWriter(file, layout);
};
