/** What state Windows left a volume in: what breaks clones is told, and never repaired. */
import type { Warning } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import { struct, u16le, u8 } from '../../core/struct.ts';
import type { FileTree } from '../file-tree.port.ts';
import { ATTRIBUTE } from './attributes.ts';
import { contentOf } from './contents.ts';
import { isLogClosed } from './log-file.ts';
import { shownWideText } from '../names.ts';
import { readRecord, RECORD, type NtfsVolume } from './records.ts';
import { openAttribute, required, residentValue } from './streams.ts';

/** Linux-NTFS, "NTFS Documentation", chapter "$VOLUME_INFORMATION". */
const information = struct(12, { majorVersion: u8(8), minorVersion: u8(9), flags: u16le(10) });
const MAJOR_VERSIONS = [1, 2, 3];
const IS_DIRTY = 0x0001;
const IS_BEING_CHECKED = 0x4000;

const HIBERNATION_FILE = 'hiberfil.sys';
/** What hiberfil.sys begins with while its content waits to be read; zeros stand there when it was. */
const WAITING = ['hibr', 'HIBR', 'wake', 'WAKE', 'RSTR'];

export interface VolumeInformation {
  readonly label: string;
  readonly isDirty: boolean;
}

/** @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED` for a version that nobody knows, `READ_FAILED` */
export async function readVolumeInformation(ntfs: NtfsVolume): Promise<VolumeInformation> {
  const record = await readRecord(ntfs, RECORD.VOLUME);
  const value = residentValue(record, ATTRIBUTE.VOLUME_INFORMATION);
  const { majorVersion, minorVersion, flags } = information.read(required(value, 'VOLUME_INFORMATION'));
  if (!MAJOR_VERSIONS.includes(majorVersion)) {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `NTFS ${majorVersion}.${minorVersion}` });
  }
  return {
    label: shownWideText((residentValue(record, ATTRIBUTE.VOLUME_NAME) ?? Buffer.alloc(0)).toString('utf16le')),
    isDirty: (flags & (IS_DIRTY | IS_BEING_CHECKED)) !== 0,
  };
}

/** @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `READ_FAILED` */
export async function stateWarnings(
  ntfs: NtfsVolume,
  tree: FileTree,
  { isDirty }: VolumeInformation,
): Promise<Warning[]> {
  const warnings: Warning[] = [];
  const log = await openAttribute(ntfs, await readRecord(ntfs, RECORD.LOG_FILE), ATTRIBUTE.DATA);
  if (isDirty || !(await isLogClosed(contentOf(ntfs, log)))) warnings.push({ code: 'FILESYSTEM_NOT_CLEAN', data: {} });
  if (await isHibernated(tree)) warnings.push({ code: 'WINDOWS_HIBERNATED', data: {} });
  return warnings;
}

async function isHibernated(tree: FileTree): Promise<boolean> {
  const node = await tree.find(tree.root, HIBERNATION_FILE);
  if (node?.kind !== 'file') return false;
  const content = await tree.open(node);
  if (content.lengthBytes < 4) return false;
  const magic = Buffer.alloc(4);
  await content.readInto(0, magic);
  return WAITING.includes(magic.toString('latin1'));
}
