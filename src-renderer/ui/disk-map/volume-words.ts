/** What a volume is called and what it holds, in words. */
import { useI18n } from 'vue-i18n';
import type { InnerVolumeView, VolumeGroupView, VolumeView } from '../../../src-engine/contract/index.ts';
import { useFormat } from '../../client/format.ts';
import { partitionTypeKey } from './families.ts';
import type { PicturedDisk } from './segments.ts';

/** Call it in a component's set-up. */
export function useVolumeWords() {
  const { t, te } = useI18n();
  const { bytes, list, count } = useFormat();

  /** What its table says it is for: `EFI system`, `Linux`; the number where there is no name for it. */
  function typeName(volume: VolumeView) {
    const key = partitionTypeKey(volume.typeId);
    return key ? t(`partitionType.${key}`) : volume.typeId;
  }

  /** @param kind as the engine names it; '': nobody knows it */
  function kindName(kind: string) {
    if (!kind) return t('volume.unknownContent');
    return te(`fileSystem.${kind}`, 'en') ? t(`fileSystem.${kind}`) : kind;
  }

  /** `ext4`, `FAT32`, `LUKS`, or that it is not known. */
  function content({ fileSystem, recognised, warnings }: Pick<VolumeView, 'fileSystem' | 'recognised' | 'warnings'>) {
    const isRandom = warnings.some(({ code }) => code === 'VOLUME_LOOKS_RANDOM');
    return kindName(fileSystem?.kind ?? recognised ?? (isRandom ? 'random' : ''));
  }

  /** The name that a person knows it by: its label, else its partition's name, else its type, else its number. */
  function title(volume: VolumeView) {
    const label = volume.fileSystem?.label || volume.recognisedLabel;
    const named = label || volume.name || (partitionTypeKey(volume.typeId) && typeName(volume));
    if (named) return named;
    return volume.number === null ? t('volume.wholeDisk') : t('volume.numbered', { number: volume.number });
  }

  /** A volume inside a group goes by its name there: that is how people mount it. */
  const innerTitle = (volume: InnerVolumeView) => volume.ref.slice(volume.ref.indexOf('/') + 1);

  /** How it lies on the members of its group: `Linear`, `Thin pool`. */
  const mapping = (volume: InnerVolumeView) =>
    te(`mapping.${volume.mapping}`, 'en') ? t(`mapping.${volume.mapping}`) : volume.mapping;

  /** `Volume group “vg0”`, `RAID array “md0”` */
  const groupTitle = (group: VolumeGroupView) => t(`group.${group.kind}`, { name: group.name });

  /** What a disk holds now, the largest first: `PHOTOS (exFAT, 212 GB) and 2 more`. A group is what is in it, not its members. */
  function holding(disk: PicturedDisk) {
    const inside = (disk.groups ?? []).filter(({ volumes }) => volumes.length);
    const members = new Set(inside.flatMap((group) => group.members));
    const volumes = [
      ...disk.volumes
        .filter(({ index }) => !members.has(index))
        .map((volume) => ({ volume, title: title(volume), content: content(volume) })),
      ...inside.flatMap((group) =>
        group.volumes.map((volume) => ({ volume, title: volume.ref, content: content(volume) })),
      ),
    ].sort((a, b) => b.volume.usedBytes - a.volume.usedBytes);
    if (!volumes.length) return t('volume.holdsNothing');
    const named = volumes
      .slice(0, 2)
      .map(({ volume, ...facts }) => t('volume.held', { ...facts, size: bytes(volume.usedBytes) }));
    const more = volumes.length - named.length;
    return list(more > 0 ? [...named, count('volume.more', more)] : named);
  }

  return { typeName, kindName, content, title, innerTitle, mapping, groupTitle, holding };
}
