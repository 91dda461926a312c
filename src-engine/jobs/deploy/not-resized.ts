/** What was made, or is there, is not what the plan has seen. */
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import type { VolumeGroup } from '../../volumes/group.port.ts';
import { readVolumeGroups } from '../../volumes/lvm2/groups.ts';

/** @param field that is another one */
export function notResized(volume: string, field: string): EngineError {
  return new EngineError('RESIZE_CONTRADICTED', { volume, field });
}

/** The group that a physical volume is all of. @throws EngineError `RESIZE_CONTRADICTED` where it is none; `READ_FAILED` */
export async function groupOn(member: BlockSource, volume: string): Promise<VolumeGroup> {
  const { groups } = await readVolumeGroups([member]);
  if (groups.length !== 1) throw notResized(volume, 'group');
  return groups[0];
}
