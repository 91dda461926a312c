/**
 * The boot entries of this machine's own UEFI firmware (UEFI 2.10, 3.3), by efibootmgr: an entry for a disk that was deployed here, made
 * when it was asked for, and read back. The firmware of any other machine is out of reach.
 */
import { existsSync } from 'node:fs';
import { EngineError } from '../core/engine-error.ts';
import { runTool } from '../tools/run-tool.ts';

/** Linux, Documentation/filesystems/efivarfs: there where this machine was started by UEFI. */
const VARIABLES = '/sys/firmware/efi/efivars';

export const hasFirmwareEntries = (): boolean => existsSync(VARIABLES);

export interface EntryFor {
  /** of the disk: `/dev/sda` */
  readonly path: string;
  /** the EFI system partition's number, from 1, and what PARTUUID= calls it */
  readonly partition: number;
  readonly partitionUuid: string;
  /** `\EFI\debian\shimx64.efi` */
  readonly loader: string;
  readonly label: string;
}

/**
 * Makes an entry, the first of the boot order, unless there is one that leads there.
 * @returns its number: `Boot0003`
 * @throws EngineError `FIRMWARE_ENTRY_NOT_MADE` where it is not there afterwards; `TOOL_MISSING`, `TOOL_FAILED`, `TOOL_TIMED_OUT`
 */
export async function makeFirmwareEntry(wanted: EntryFor, signal: AbortSignal): Promise<string> {
  const find = async () => entryFor((await runTool('efibootmgr', ['-v'], { signal })).stdout.toString('utf8'), wanted);
  const there = await find();
  if (there !== null) return there;
  const { path, partition, loader, label } = wanted;
  const args = ['--create', '--disk', path, '--part', String(partition), '--label', label, '--loader', loader];
  await runTool('efibootmgr', args, { signal });
  const made = await find();
  if (made === null) throw new EngineError('FIRMWARE_ENTRY_NOT_MADE', { path, loader });
  return made;
}

/** As it writes entries up to version 17, and from 18 on without `File(…)`. */
const ENTRY =
  /^(Boot[0-9A-F]{4})\*? [^\t]*\tHD\((\d+),(?:GPT|MBR),([0-9A-Fa-fx-]+),[^)]*\)\/(?:File\((\\[^)]*)\)|(\\[^\t]*?)\s*$)/;

/** @param listing what `efibootmgr -v` prints @returns the first entry that leads to that loader in that partition, or null */
export function entryFor(
  listing: string,
  wanted: Pick<EntryFor, 'partition' | 'partitionUuid' | 'loader'>,
): string | null {
  const plain = (text: string) => text.toLowerCase();
  for (const line of listing.split('\n')) {
    const [, name, number, id, inFile, plainPath] = ENTRY.exec(line) ?? [];
    if (name === undefined || Number(number) !== wanted.partition) continue;
    // of an MBR the disk's signature is told, without the partition's number behind it
    const isThere = plain(wanted.partitionUuid).startsWith(plain(id).replace(/^0x/, ''));
    if (isThere && plain(inFile ?? plainPath) === plain(wanted.loader)) return name;
  }
  return null;
}
