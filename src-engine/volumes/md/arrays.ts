/** From members of MD arrays to the arrays. Mirrors can be read: each member holds all of the volume. */
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { findOverlap, joinExtents } from '../extents.ts';
import type { BrokenMember, InnerVolume, VolumeGroup } from '../group.port.ts';
import type { ArrayMember } from './member.ts';
import { readMember } from './read-member.ts';

/** A volume and what its superblock says. */
export interface FoundMember {
  readonly volume: number;
  readonly member: ArrayMember;
}

export interface Arrays {
  readonly groups: readonly VolumeGroup[];
  readonly members: readonly FoundMember[];
  /** those whose superblock is damaged */
  readonly broken: readonly BrokenMember[];
}

/**
 * An array is read where it mirrors. Members that were left behind, are being rebuilt or stand by are none of the group's: what
 * they hold is not what it holds.
 * @param volumes those that may be members; others are passed over
 * @throws EngineError `READ_FAILED`
 */
export async function readArrays(volumes: readonly BlockSource[]): Promise<Arrays> {
  const members: FoundMember[] = [];
  const broken: BrokenMember[] = [];
  for (const [volume, source] of volumes.entries()) {
    try {
      const member = await readMember(source);
      if (member?.metadata.some((extent) => findOverlap([extent, member.data]))) {
        throw new EngineError('FORMAT_INVALID', { field: 'data_offset' });
      }
      if (member) members.push({ volume, member });
    } catch (error) {
      if (!(error instanceof EngineError) || !['FORMAT_INVALID', 'FORMAT_UNSUPPORTED'].includes(error.code)) {
        throw error;
      }
      const { checksum, feature, field } = error.data;
      broken.push({ volume, reason: String(checksum ?? feature ?? field) });
    }
  }
  const byArray = Map.groupBy(members, ({ member }) => member.uuid);
  return { groups: [...byArray.values()].map(groupOf), members, broken };
}

function groupOf(found: readonly FoundMember[]): VolumeGroup {
  const newest = found.reduce((max, { member }) => (member.events > max ? member.events : max), 0n);
  const current = found.filter(({ member }) => {
    return typeof member.role === 'number' && member.isInStep && member.events === newest;
  });
  const [first] = current;
  const isMirror = first !== undefined && first.member.level === '1';
  const copies = isMirror ? inStep(current) : [];
  const members = isMirror ? copies : found;
  const { uuid, name, deviceCount } = found[0].member;
  const active = found.filter(({ member }) => typeof member.role === 'number').length;
  return {
    kind: 'md-raid',
    name,
    uuid,
    isReadable: isMirror,
    members: members.map(({ volume, member }) => ({
      volume,
      metadata: joinExtents(member.metadata),
      allocatable: null,
      label: member.data.startBytes === 0 ? null : member.superblock,
    })),
    missingMembers: Math.max(deviceCount - active, 0),
    volumes: isMirror ? [mirror(copies)] : [],
  };
}

/** Members that certainly hold the same. After a crash the first is as good as any, and the others are as they are. */
function inStep(members: readonly FoundMember[]): readonly FoundMember[] {
  const [{ member: first }] = members;
  const isAlike = members.every(({ member }) => member.isClean && member.data.lengthBytes === first.data.lengthBytes);
  return isAlike ? members : members.slice(0, 1);
}

function mirror(members: readonly FoundMember[]): InnerVolume {
  const { lengthBytes } = members[0].member.data;
  return {
    name: 'array',
    lengthBytes,
    mapping: 'mirror',
    occupied: [],
    copies: members.map(({ member: { data } }, member) => [
      { startBytes: 0, lengthBytes, stripeBytes: lengthBytes, columns: [{ member, startBytes: data.startBytes }] },
    ]),
  };
}
