/** What a plan asks of an image file: what it is, and which other files its content names. */
import type { DiskFormat, DiskView } from '../contract/disk.contract.ts';
import type { Check } from '../contract/warnings.ts';
import { EngineError } from '../core/engine-error.ts';
import { isNamedAs } from '../formats/format-names.ts';

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

/** Raw is what nothing else claims: where nothing on it is known either, it may be anything. */
export function isNothingRecognised({ table, volumes, groups }: DiskView): boolean {
  return (
    table === 'none' &&
    groups.length === 0 &&
    volumes.every(({ fileSystem, recognised }) => fileSystem === null && recognised === null)
  );
}

/** @throws EngineError `SOURCE_CHANGED` where an image names other files than it did when it was planned */
export function refuseOtherFiles(planned: readonly string[], opened: readonly string[]): void {
  const stranger = opened.find((name, i) => name !== planned[i]);
  if (stranger !== undefined || planned.length !== opened.length) {
    throw new EngineError('SOURCE_CHANGED', { path: stranger ?? planned[opened.length] });
  }
}
