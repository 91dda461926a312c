/** A file that is neither an archive nor a machine: the image formats, each asked in turn; what none of them knows is a raw disk. */
import type { DiskFormat } from '../contract/disk.contract.ts';
import type { ImageFormat } from '../contract/import.contract.ts';
import { NOTHING_RECORDED } from '../contract/template.contract.ts';
import type { Warning } from '../contract/warnings.ts';
import { EngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { slice } from '../disk/slice.ts';
import { blockMapSource, MAX_BMAP_BYTES, parseBmap, type BlockMapFile } from '../formats/bmap/bmap.ts';
import { recogniseIso } from '../formats/iso/iso.ts';
import { openDiskImage } from '../formats/open-image.ts';
import { openPartclone } from '../formats/partclone/reader.ts';
import { hashOfPart, readSibling, type FileAtHand } from './image-place.ts';
import type { OpenedImage } from './opened-image.ts';

/**
 * @param said what it is, where that is not left to its content
 * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `FORMAT_FOREIGN`, `FORMAT_UNCLEAR`, `FILE_TRUNCATED`, `NOT_FOUND` where a file beside it is missing
 */
export async function openPlainFile(
  file: FileAtHand,
  said: DiskFormat | null,
  signal: AbortSignal,
): Promise<{ format: ImageFormat; image: OpenedImage }> {
  const { source } = file;
  const nothing = { configuration: NOTHING_RECORDED, warnings: [], files: [], verify: async () => {} } as const;
  const image = { medium: 'disk', ...nothing } as const;
  const iso = said === null ? await recogniseIso(source) : null;
  if (iso) {
    const bootMode = iso.bootsUefi ? 'uefi' : iso.bootsBios ? 'bios' : null;
    const configuration = { ...NOTHING_RECORDED, operatingSystem: iso.volumeId || null, bootMode } as const;
    return { format: 'iso', image: { ...image, source, medium: 'iso', configuration } };
  }
  const disk = await openDiskImage(source, file.name, file.openSibling, signal, said);
  if (disk) {
    const { format, warnings = [], dependsOn: files } = disk;
    const verify = async (context: JobContext) => {
      if (!disk.verify) return;
      context.phase('inspecting', disk.source.lengthBytes);
      await disk.verify(context);
    };
    return { format, image: { ...image, source: disk.source, warnings, files, verify } };
  }
  const partclone = said === null ? await openPartclone(source) : null;
  if (partclone) {
    const isUnchecked = partclone.header.checksum === 'unchecked';
    const warnings: Warning[] = isUnchecked ? [{ code: 'IMAGE_SUMS_NOT_CHECKED', data: { path: file.name } }] : [];
    return { format: 'partclone', image: { ...image, source: partclone.source, warnings } };
  }
  const map = await readMap(file);
  if (!map) return { format: 'raw', image: { ...image, source } };
  const mapped = blockMapSource(slice(source, 0, map.lengthBytes), map);
  return {
    format: 'raw',
    image: { ...image, source: mapped, verify: (context) => verifyRanges(source, map, context) },
  };
}

/** `disk.img.bmap`, or `disk.bmap`. @throws EngineError `FILE_TRUNCATED` where it describes a longer image */
async function readMap(file: FileAtHand): Promise<BlockMapFile | null> {
  for (const name of [`${file.name}.bmap`, `${file.name.replace(/\.[^.]+$/, '')}.bmap`]) {
    if (name === file.name) continue;
    const bytes = await readSibling(file, name, MAX_BMAP_BYTES);
    if (!bytes) continue;
    const map = parseBmap(bytes);
    const { lengthBytes } = file.source;
    if (map.lengthBytes > lengthBytes) {
      const missingBytes = map.lengthBytes - lengthBytes;
      throw new EngineError('FILE_TRUNCATED', {
        path: file.name,
        field: 'length',
        endBytes: lengthBytes,
        missingBytes,
      });
    }
    return map;
  }
  return null;
}

async function verifyRanges(
  source: BlockSource,
  { ranges, sumKind }: BlockMapFile,
  context: JobContext,
): Promise<void> {
  context.phase(
    'inspecting',
    ranges.reduce((sum, range) => sum + range.lengthBytes, 0),
  );
  for (const { startBytes, lengthBytes, sum } of ranges) {
    if (sum === '') continue;
    const found = await hashOfPart(sumKind, source, startBytes, lengthBytes, context);
    if (found !== sum) throw new EngineError('FORMAT_INVALID', { field: 'bmap checksum', value: String(startBytes) });
  }
}
