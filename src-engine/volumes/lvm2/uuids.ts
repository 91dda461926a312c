/** The UUIDs of LVM2: of physical volumes, groups and logical volumes; told, and given other ones where they stand. */
import type { BlockSource } from '../../disk/block-source.port.ts';
import type { Patch } from '../layout.port.ts';
import { readGroupText, type GroupText } from './group-text.ts';
import { readLabel, renamedLabel } from './label.ts';
import { readMetadataArea, rewrittenText } from './metadata-area.ts';

export interface MemberUuids {
  readonly physicalVolume: string;
  /** the newest that this member's metadata speaks of; null: it has none of its own */
  readonly group: GroupText | null;
}

/**
 * @returns null where the volume is no physical volume
 * @throws EngineError `FORMAT_INVALID`, `READ_FAILED`
 */
export async function readMemberUuids(member: BlockSource): Promise<MemberUuids | null> {
  const label = await readLabel(member);
  if (!label) return null;
  let group: GroupText | null = null;
  for (const area of label.metadataAreas) {
    const text = await readMetadataArea(member, area);
    const read = text === null ? null : readGroupText(text);
    if (read && (!group || read.sequence > group.sequence)) group = read;
  }
  return { physicalVolume: label.uuid, group };
}

/**
 * Bytes of a physical volume with other UUIDs: its label, and the text of its group in each of its areas. What the ring holds of
 * earlier texts stays.
 * @param renamed from old to new, of any kind, 6-4-4-4-4-4-6 characters each
 * @throws EngineError `FORMAT_INVALID`, `READ_FAILED`
 */
export async function renamedMember(member: BlockSource, renamed: ReadonlyMap<string, string>): Promise<Patch[]> {
  const label = await readLabel(member);
  if (!label) return [];
  const patches: Patch[] = [];
  const own = renamed.get(label.uuid);
  if (own !== undefined) patches.push(await renamedLabel(member, label, own));
  const change = (text: Buffer) =>
    Buffer.from(
      // values stand in quotes, and nothing else of that form is an id
      text.toString('latin1').replace(/"(\w{6}(?:-\w{4}){5}-\w{6})"/g, (all, id: string) => {
        const other = renamed.get(id);
        return other === undefined ? all : `"${other}"`;
      }),
      'latin1',
    );
  for (const area of label.metadataAreas) patches.push(...(await rewrittenText(member, area, change)));
  return patches;
}
