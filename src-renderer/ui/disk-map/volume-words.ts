/** What a volume is called and what it holds, in words. */
import { useI18n } from 'vue-i18n';
import type { DiskView, VolumeView } from '../../../src-engine/contract/index.ts';
import { useFormat } from '../../client/format.ts';
import { partitionTypeKey } from './families.ts';

/** Call it in a component's set-up. */
export function useVolumeWords() {
  const { t, te } = useI18n();
  const { bytes, list, count } = useFormat();

  /** What its table says it is for: `EFI system`, `Linux`; the number where there is no name for it. */
  function typeName(volume: VolumeView) {
    const key = partitionTypeKey(volume.typeId);
    return key ? t(`partitionType.${key}`) : volume.typeId;
  }

  /** `ext4`, `FAT32`, `LUKS`, or that it is not known. */
  function content(volume: VolumeView) {
    const kind = volume.fileSystem?.kind ?? volume.recognised;
    if (!kind) return t('volume.unknownContent');
    return te(`fileSystem.${kind}`, 'en') ? t(`fileSystem.${kind}`) : kind;
  }

  /** The name that a person knows it by: its label, else its partition's name, else its type, else its number. */
  function title(volume: VolumeView) {
    const named = volume.fileSystem?.label || volume.name || (partitionTypeKey(volume.typeId) && typeName(volume));
    if (named) return named;
    return volume.number === null ? t('volume.wholeDisk') : t('volume.numbered', { number: volume.number });
  }

  /** What a disk holds now, the largest first: `PHOTOS (exFAT, 212 GB) and 2 more`. */
  function holding(disk: Pick<DiskView, 'volumes'>) {
    const volumes = [...disk.volumes].sort((a, b) => b.usedBytes - a.usedBytes);
    if (!volumes.length) return t('volume.holdsNothing');
    const named = volumes
      .slice(0, 2)
      .map((volume) =>
        t('volume.held', { title: title(volume), content: content(volume), size: bytes(volume.usedBytes) }),
      );
    const more = volumes.length - named.length;
    return list(more > 0 ? [...named, count('volume.more', more)] : named);
  }

  return { typeName, content, title, holding };
}
