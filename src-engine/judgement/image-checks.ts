/** What a plan asks of an image file: what it is, and which other files its content names. */
import type { DiskFormat, DiskView } from '../contract/disk.contract.ts';
import type { Check } from '../contract/warnings.ts';
import { EngineError } from '../core/engine-error.ts';
import { isNamedAs } from '../formats/format-names.ts';

export { isNothingRecognised } from '../contract/disk.contract.ts';

/**
 * Of a raw disk, whoever used it has written the beginning: where neither the file's name nor a person says that it is a container, what
 * it was read as is told, since a capture of the container is not one of the raw disk.
 */
export function formatCheck(name: string, format: DiskFormat, said: DiskFormat | null): Check[] {
  if (format === 'raw' || said === format || isNamedAs(name, format)) return [];
  return [{ code: 'IMAGE_FORMAT_BY_CONTENT', level: 'warn', data: { name, format } }];
}

/**
 * Other files are followed where their reader is told: what names them may have been written by whoever used the disk, unless the
 * file's name, or a person, says that it is an image of that format.
 * @param format what it was taken for
 * @param said what a person says that it is, or null
 */
export function otherFilesCheck(
  name: string,
  format: DiskFormat,
  files: readonly string[],
  said: DiskFormat | null,
): Check[] {
  if (files.length === 0) return [];
  const isCertain = said === format || isNamedAs(name, format);
  const data = { name, format, files: files.slice(0, 100) };
  return [{ code: 'IMAGE_READS_OTHERS', level: isCertain ? 'warn' : 'block', canOverride: !isCertain, data }];
}

/**
 * Android's sparse images are what fastboot writes into one partition, and seldom a disk: one without a table is asked about where nobody
 * says that it is meant.
 */
export function onePartitionCheck(
  name: string,
  format: DiskFormat,
  { table }: DiskView,
  said: DiskFormat | null,
): Check[] {
  if (format !== 'android-sparse' || said === format || table !== 'none') return [];
  return [{ code: 'IMAGE_OF_ONE_PARTITION', level: 'block', canOverride: true, data: { name, format } }];
}

/** @throws EngineError `SOURCE_CHANGED` where an image names other files than it did when it was planned */
export function refuseOtherFiles(planned: readonly string[], opened: readonly string[]): void {
  const stranger = opened.find((name, i) => name !== planned[i]);
  if (stranger !== undefined || planned.length !== opened.length) {
    throw new EngineError('SOURCE_CHANGED', { path: stranger ?? planned[opened.length] });
  }
}
