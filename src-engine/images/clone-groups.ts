/** A member of a volume group, put together again from the group's text and the images of its volumes. */
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { composedSource, type Part } from '../disk/composed-source.ts';
import { memorySource } from '../disk/memory-source.ts';
import { slice } from '../disk/slice.ts';
import type { ClonedDisk } from '../formats/clonezilla/folder.ts';
import type { ClonedGroup, ClonedVolume } from '../formats/clonezilla/volume-groups.ts';
import { columnSource } from '../volumes/column-source.ts';
import type { InnerVolume, MappedRun } from '../volumes/group.port.ts';
import { readGroupText, type GroupText } from '../volumes/lvm2/group-text.ts';
import { logicalVolumes } from '../volumes/lvm2/logical-volumes.ts';
import { memberHead } from '../volumes/lvm2/write-member.ts';

type Member = ClonedDisk['members'][number];

export interface LaidOutVolume {
  readonly volume: ClonedVolume;
  readonly lengthBytes: number;
  readonly runs: readonly MappedRun[];
}

interface LaidOut {
  readonly text: GroupText;
  /** all that the group shows, held by the folder or not */
  readonly volumes: readonly InnerVolume[];
}

/** @throws EngineError `FORMAT_INVALID` with the file that is wrong; `FORMAT_UNSUPPORTED` */
function layoutOf({ name, text }: ClonedGroup): LaidOut {
  const path = `lvm_${name}.conf`;
  try {
    const group = readGroupText(text);
    if (group.name !== name) throw new EngineError('FORMAT_INVALID', { field: 'name', value: group.name });
    const members = new Map([...group.physicalVolumes.keys()].map((member, i) => [member, i]));
    return { text: group, volumes: logicalVolumes(group, members).volumes };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new EngineError(error.code, { path, ...error.data }, error.hint, { cause: error });
  }
}

/** @returns names of volumes of the groups on a disk that the folder holds nothing of */
export function volumesNotSaved({ members }: ClonedDisk): string[] {
  const names = members.flatMap((member) => {
    const held = member.group.volumes.map(({ name }) => name);
    const { volumes } = layoutOf(member.group);
    return volumes.filter(({ name }) => !held.includes(name)).map(({ name }) => `${member.group.name}/${name}`);
  });
  return [...new Set(names)];
}

/**
 * @returns the volumes of which a part lies on a member
 * @throws EngineError `FORMAT_UNSUPPORTED` for a volume that is more than pieces of its members: thin, RAID, a snapshot; `FORMAT_INVALID`
 */
export function volumesOf({ group, uuid }: Member): LaidOutVolume[] {
  const { text, volumes } = layoutOf(group);
  const own = memberIndex(text, uuid);
  return group.volumes.flatMap((volume): LaidOutVolume[] => {
    const inner = volumes.find(({ name }) => name === volume.name);
    if (!inner) {
      const value = `${group.name}/${volume.name}`;
      throw new EngineError('FORMAT_INVALID', { path: `lvm_${group.name}.conf`, field: 'logical_volumes', value });
    }
    const [runs] = inner.copies;
    if (!runs) {
      const feature = `LVM ${inner.mapping} in a Clonezilla folder`;
      throw new EngineError('FORMAT_UNSUPPORTED', { feature, path: `${group.name}/${volume.name}` });
    }
    const isHere = runs.some(({ columns }) => columns.some(({ member }) => member === own));
    return isHere ? [{ volume, lengthBytes: inner.lengthBytes, runs }] : [];
  });
}

/**
 * @param volumes the content of each of {@link volumesOf}; they stay open
 * @returns the member; what no volume lies on reads as zeros
 * @throws EngineError as {@link memberHead}
 */
export function memberSource(member: Member, volumes: ReadonlyMap<ClonedVolume, BlockSource>): BlockSource {
  const { group, uuid, lengthBytes } = member;
  const { text } = layoutOf(group);
  const own = memberIndex(text, uuid);
  const parts: Part[] = [{ startBytes: 0, source: memorySource(memberHead(text, group.text, uuid, lengthBytes)) }];
  for (const { volume, lengthBytes: volumeBytes, runs } of volumesOf(member)) {
    // a file system may end before its volume does
    const content = composedSource([{ startBytes: 0, source: volumes.get(volume)! }], volumeBytes);
    for (const run of runs) {
      run.columns.forEach(({ member: on, startBytes }, column) => {
        if (on !== own) return;
        const isLinear = run.columns.length === 1;
        const source = isLinear
          ? slice(content, run.startBytes, run.lengthBytes)
          : columnSource(slice(content, run.startBytes, run.lengthBytes), run, column);
        parts.push({ startBytes, source });
      });
    }
  }
  parts.sort((a, b) => a.startBytes - b.startBytes);
  return composedSource(parts, lengthBytes);
}

/** @throws EngineError `FORMAT_INVALID` where the group has no such member */
function memberIndex(text: GroupText, uuid: string): number {
  const index = [...text.physicalVolumes.values()].findIndex((member) => member.uuid === uuid);
  if (index < 0)
    throw new EngineError('FORMAT_INVALID', { path: `lvm_${text.name}.conf`, field: 'physical_volumes', value: uuid });
  return index;
}
