/** What was recognised of an image, in words. */
import { useI18n } from 'vue-i18n';
import type { ImportView } from '../../../src-engine/contract/index.ts';
import { useFormat } from '../../client/format.ts';
import { busName, useDiskWords } from '../../ui/index.ts';

/** Call it in a component's set-up. */
export function useImageWords() {
  const { t } = useI18n();
  const { bytes } = useFormat();
  const { howMany } = useDiskWords();

  /** `qcow2`, `qcow2 in zip`, `Archive (7z)` */
  function kind({ format, archive }: ImportView) {
    if (format && archive) {
      return t('import.formatIn', { format: t(`imageFormat.${format}`), archive: t(`archive.${archive}`) });
    }
    if (format) return t(`imageFormat.${format}`);
    return archive ? t('import.archiveOf', { archive: t(`archive.${archive}`) }) : t('import.notRecognised');
  }

  /** Of a machine's disks together, as far as they are known; else of the one disk, or of what is packed. */
  const lengthOf = ({ disks, source }: ImportView) =>
    disks.length > 1 && disks.every(({ lengthBytes }) => lengthBytes !== null)
      ? disks.reduce((sum, { lengthBytes }) => sum + (lengthBytes ?? 0), 0)
      : source.lengthBytes;

  /** `qcow2 · 444 MB`, `OVA · 2 disks · 444 MB`: of the file; of a folder, what is in it */
  const summary = (view: ImportView) =>
    [kind(view), howMany(view.disks), bytes(view.fileBytes ?? lengthOf(view))].filter(Boolean).join(' · ');

  function facts(view: ImportView) {
    return [
      { key: 'format', name: t('import.format'), value: kind(view) },
      // those that are known have their pictures
      ...(view.disks.length > 1 && !view.disk
        ? view.disks.map(({ name, lengthBytes, bus, address }, i) => ({
            key: `disk ${i}`,
            name: t('disk.titled', { number: i + 1, name }),
            value: [lengthBytes === null ? '' : bytes(lengthBytes), busName(bus, address)].filter(Boolean).join(' · '),
          }))
        : []),
      ...(view.disk && view.fileBytes !== null
        ? [{ key: 'file', name: t('import.fileSize'), value: bytes(view.fileBytes) }]
        : []),
      view.disk
        ? {
            key: 'disk',
            name: t(view.disks.length > 1 ? 'template.capacity' : 'import.diskSize'),
            value: bytes(lengthOf(view)),
          }
        : { key: 'size', name: t('import.fileSize'), value: bytes(view.source.lengthBytes) },
      ...(view.scratchBytes
        ? [{ key: 'scratch', name: t('import.scratch'), value: t('import.atMost', { size: bytes(view.scratchBytes) }) }]
        : []),
    ];
  }

  return { kind, summary, facts };
}
