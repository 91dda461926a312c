/** Another name for a volume group: its text begins with it, and nothing else of a physical volume names it. */
import type { BlockSource } from '../../disk/block-source.port.ts';
import type { Patch } from '../layout.port.ts';
import { readGroupText } from './group-text.ts';
import { readLabel } from './label.ts';
import { readMetadataArea, replacedText } from './metadata-area.ts';
import { changedSection, parseMetadata } from './text.ts';
import { writeMetadata } from './written-text.ts';

/**
 * @param member a physical volume @param name that its group is to have
 * @throws EngineError `FORMAT_INVALID`, `READ_FAILED`; `FORMAT_UNSUPPORTED` where the text has no room
 */
export async function memberOfGroupCalled(member: BlockSource, name: string): Promise<Patch[]> {
  const label = await readLabel(member);
  const patches: Patch[] = [];
  for (const area of label?.metadataAreas ?? []) {
    const text = await readMetadataArea(member, area);
    if (text === null) continue;
    const group = readGroupText(text);
    const { values, sections } = parseMetadata(text);
    const renamed = changedSection(sections.get(group.name)!, { seqno: group.sequence + 1 });
    patches.push(
      ...(await replacedText(member, area, area, writeMetadata({ values, sections: new Map([[name, renamed]]) }))),
    );
  }
  return patches;
}
