/** Whether what an image file is can be left to its content. */
import { DISK_FORMATS, type DiskFormat, type ErrorView } from '../../../src-engine/contract/index.ts';

const ABOUT_THE_FORMAT = [
  'FORMAT_UNCLEAR',
  'FORMAT_FOREIGN',
  'FORMAT_PACKED',
  'FORMAT_INVALID',
  'FORMAT_UNSUPPORTED',
  'FILE_TRUNCATED',
];

/** Errors that another format may be the way out of. */
export const isAboutFormat = (error: ErrorView | null) => error !== null && ABOUT_THE_FORMAT.includes(error.code);

/** What the image may be all the same, where an error says that it cannot be told, or that another program made it. */
export function formatsInDoubt({ code, data }: ErrorView): DiskFormat[] {
  if (code === 'FORMAT_FOREIGN' || code === 'FORMAT_PACKED') return ['raw'];
  if (code !== 'FORMAT_UNCLEAR') return [];
  return DISK_FORMATS.filter((format) => format === data['one'] || format === data['other']);
}
