/** What a volume of a template is called, by the name that files are asked for with (`ref`). */
import type { DiskView } from '../../../src-engine/contract/index.ts';
import { familyOf, useVolumeWords, type Family } from '../../ui/index.ts';

/** What the table of the disk, or a group of volumes on it, says of a volume. */
function seenOf(disk: DiskView, ref: string) {
  const inner = disk.groups.flatMap(({ volumes }) => volumes).find((volume) => volume.ref === ref);
  const volume = disk.volumes.find(({ number }) => String(number ?? 0) === ref);
  return { inner, volume };
}

/** Call it in a component's set-up. */
export function useVolumeTitle() {
  const words = useVolumeWords();

  /** `debian-root`, `vg0/home`, `Partition 2` */
  function title(disk: DiskView, ref: string): string {
    const { inner, volume } = seenOf(disk, ref);
    if (inner) return words.innerTitle(inner);
    return volume ? words.title(volume) : ref;
  }

  /** `ext4`, `LUKS` */
  function content(disk: DiskView, ref: string): string {
    const { inner, volume } = seenOf(disk, ref);
    return inner || volume ? words.content((inner ?? volume)!) : '';
  }

  function family(disk: DiskView, ref: string): Family {
    const { inner, volume } = seenOf(disk, ref);
    return inner || volume ? familyOf((inner ?? volume)!) : 'unknown';
  }

  return { title, content, family };
}
