/**
 * What stands before the extents of a physical volume: its label, and a metadata area with the group's text. For a member of which only
 * that text is left, as vgcfgbackup wrote it. LVM2, lib/format_text/layout.h; `pvcreate --restorefile` lays it out the same way.
 */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { LABEL_SCAN_BYTES, writeLabel } from './label.ts';
import { writeMetadataArea } from './metadata-area.ts';
import type { GroupText } from './group-text.ts';

/** pvcreate leaves a page to the label. */
const AREA_START_BYTES = 4096;
/** Nobody leaves more before the extents: it is built in memory. */
const MAX_HEAD_BYTES = 64 * 1024 * 1024;

/**
 * @param group what `text` says @param uuid the member's @param deviceBytes its length
 * @returns the member up to its first extent
 * @throws EngineError `FORMAT_INVALID` where the group has no such member, or it is too short for its extents; `FORMAT_UNSUPPORTED` where
 *   there is no room for the text before the extents
 */
export function memberHead(group: GroupText, text: string, uuid: string, deviceBytes: number): Buffer {
  const member = [...group.physicalVolumes.values()].find((one) => one.uuid === uuid);
  if (!member) throw new EngineError('FORMAT_INVALID', { field: 'physical_volumes', value: uuid });
  const { startBytes, extentCount } = member;
  checkRange('pe_count', startBytes + extentCount * group.extentBytes, startBytes, deviceBytes);
  const areaBytes = Math.min(startBytes, MAX_HEAD_BYTES) - AREA_START_BYTES;
  if (areaBytes < AREA_START_BYTES)
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'LVM without metadata before the extents' });
  const head = Buffer.alloc(Math.max(AREA_START_BYTES + areaBytes, LABEL_SCAN_BYTES));
  writeLabel(head, uuid, deviceBytes, startBytes, { startBytes: AREA_START_BYTES, lengthBytes: areaBytes });
  writeMetadataArea(head.subarray(AREA_START_BYTES), AREA_START_BYTES, asCommitted(group.name, text));
  return head;
}

/** On a volume the text begins with the group's name, which LVM2 looks for there; a file begins with what it says of itself. */
function asCommitted(groupName: string, text: string): string {
  const from = text.search(new RegExp(`^\\s*${RegExp.escape(groupName)}\\s*\\{`, 'm'));
  if (from < 0) throw new EngineError('FORMAT_INVALID', { field: 'contents', value: groupName });
  return `${text.slice(from).trimStart()}\n${text.slice(0, from)}`;
}
