/** What an image file becomes once it is whole: nothing is written twice, it is turned into its format where it lies. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { DeployFormat } from '../../contract/new-vm.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import type { PartialOutput } from '../../core/partial-output.ts';
import { ioError } from '../../core/engine-error.ts';
import type { InPlace } from '../../formats/in-place.port.ts';
import { turnIntoQcow2 } from '../../formats/qcow2/in-place.ts';
import { turnIntoVdi } from '../../formats/vdi/in-place.ts';
import { flatDescriptorOf, flatNameOf } from '../../formats/vmdk/text.ts';
import { dataOfFile } from '../../machines/data-of-file.ts';
import type { DescribedTarget } from '../../machines/describe-target.ts';

const TURN: Partial<Record<DeployFormat, InPlace>> = { qcow2: turnIntoQcow2, vdi: turnIntoVdi };
const TEXT = 'text';
const SECTOR_BYTES = 512;
/** What its text cannot say of a name. */
const UNSAYABLE = /["\p{Cc}]/u;

/** A file of the target, still under a name that nobody else reaches, and the name that it will have. */
export interface WholeFile {
  readonly from: string;
  readonly path: string;
}

/** @param format that was asked for; left out: raw */
export function formatChecks({ place, exists }: DescribedTarget, format: DeployFormat | undefined): Check[] {
  if (format === undefined) return [];
  const { path } = place;
  if (place.kind !== 'file') return [{ code: 'TARGET_TAKES_NO_FORMAT', level: 'block', data: { path, format } }];
  // two files are never replaced at once
  const isRefused = format === 'vmdk' && (exists || UNSAYABLE.test(basename(path)));
  return isRefused ? [{ code: 'TARGET_TAKES_NO_FORMAT', level: 'block', data: { path, format } }] : [];
}

/**
 * @param output holds the raw disk, which nobody writes to any more @param path that it will have
 * @returns its files, the one with its name last
 * @throws EngineError `WRITE_FAILED`, `DISK_FULL`, `READ_FAILED`, `ABORTED`
 */
export async function intoFormat(
  output: PartialOutput,
  path: string,
  lengthBytes: number,
  format: DeployFormat | undefined,
  signal: AbortSignal,
): Promise<WholeFile[]> {
  const whole = { from: output.contentPath, path };
  if (format === undefined || format === 'raw') return [whole];
  const failed = (error: unknown) => ioError(error, 'WRITE_FAILED', { path });
  const handle = await open(output.contentPath, constants.O_RDWR | (constants.O_NOFOLLOW ?? 0)).catch((error) => {
    throw failed(error);
  });
  try {
    const turn = TURN[format];
    if (turn) {
      const data = await dataOfFile(handle, path, lengthBytes, signal);
      await turn({ handle, path, lengthBytes, data }, signal);
      return [whole];
    }
    const sectors = Math.ceil(lengthBytes / SECTOR_BYTES);
    await handle.truncate(sectors * SECTOR_BYTES);
    await handle.sync();
    const flat = flatNameOf(path);
    const text = { from: output.folder.at(TEXT), path };
    const file = await open(text.from, 'wx').catch((error) => {
      throw failed(error);
    });
    try {
      await file.writeFile(flatDescriptorOf(sectors, basename(flat)));
      await file.sync();
    } finally {
      await file.close();
    }
    return [{ from: output.contentPath, path: flat }, text];
  } finally {
    await handle.close();
  }
}
