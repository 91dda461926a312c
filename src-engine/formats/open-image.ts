/** From a file to the disk that it holds: every format is asked in turn, and parents are opened the same way. */
import type { ErrorCode } from '../contract/errors.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';
import { recogniseAndroidSparse } from './android/sparse.ts';
import type {
  DiskImage,
  DiskImageFormat,
  FollowParent,
  ImageContext,
  OpenSibling,
  RecogniseImage,
} from './disk-image.port.ts';
import { refuseForeign } from './refused/marks.ts';
import { isNamedAs } from './format-names.ts';
import { markSource } from './mark-source.ts';
import { recogniseQcow2 } from './qcow2/reader.ts';
import { checkSiblingName } from './sibling-name.ts';
import { recogniseVdi } from './vdi/reader.ts';
import { recogniseVhd } from './vhd/reader.ts';
import { recogniseVhdx } from './vhdx/reader.ts';
import { recogniseVmdk } from './vmdk/reader.ts';

/**
 * In the order in which they are asked. All have their marks in the first sector; VHD at the end, too. A fixed VHD looks like a raw disk up to its last sector, so VHD comes last.
 */
const FORMATS: readonly (readonly [Exclude<DiskImageFormat, 'raw'>, RecogniseImage])[] = [
  ['qcow2', recogniseQcow2],
  ['vmdk', recogniseVmdk],
  ['vdi', recogniseVdi],
  ['vhdx', recogniseVhdx],
  ['android-sparse', recogniseAndroidSparse],
  ['vhd', recogniseVhd],
];

/** Whose marks stand in the first sector, and nowhere else. */
const isKnownByFront = (format: DiskImageFormat) => format !== 'vhd';
/** As far as the recognisers ask for their marks. */
const FRONT_BYTES = 512;

/** Nobody keeps longer chains, and each image of one holds a few megabytes of tables. */
const MAX_CHAIN = 64;

/**
 * @param file the opened file; on success the image owns it, otherwise the caller closes it
 * @param name its plain name, so that a chain that leads back to it is noticed
 * @param openSibling opens files of its folder; called with plain names only
 * @param said the format that a person or a machine gives it: nothing else is looked for; null: whatever its content says
 * @param isOverUnreadable a person goes on over sectors that cannot be read: marks that stand in them are none, so what nothing else claims is
 *   raw, unless its name says otherwise
 * @param follow opens parents wherever they are; left out: they lie in its folder
 * @returns null where it is none of the formats: a raw image, or no image at all
 * @throws EngineError `FORMAT_INVALID`, also where it is not what was said; `FORMAT_UNSUPPORTED`, `FILE_TRUNCATED`; `FORMAT_FOREIGN` for a
 *   container of another program; `NOT_FOUND` where a file beside it is missing; `READ_FAILED`
 */
export function openDiskImage(
  file: BlockSource,
  name: string,
  openSibling: OpenSibling,
  signal: AbortSignal,
  said: DiskImageFormat | null = null,
  isOverUnreadable = false,
  follow: FollowParent | null = null,
): Promise<DiskImage | null> {
  return recognise(file, [name], { openSibling, follow, signal, isOverUnreadable }, said);
}

/** What says of an image that it is none that can be read. */
const OF_CONTENT: readonly ErrorCode[] = ['FORMAT_INVALID', 'FORMAT_UNSUPPORTED', 'FILE_TRUNCATED'];

/**
 * Whoever used a raw disk can have written the beginning of an image on it. Where neither the name nor a person says that it is one, a
 * refusal says by `canBeRaw` that there is a way.
 */
function tellingOfRaw<T>(format: DiskImageFormat, { isSaid, path }: ImageContext, open: () => Promise<T>): Promise<T> {
  return open().catch((thrown: unknown) => {
    const { code, data, hint } = toEngineError(thrown);
    if (isSaid || isNamedAs(path, format) || !OF_CONTENT.includes(code)) throw thrown;
    throw new EngineError(code, { ...data, canBeRaw: true }, hint, { cause: thrown });
  });
}

interface Search {
  readonly openSibling: OpenSibling;
  readonly follow: FollowParent | null;
  readonly signal: AbortSignal;
  readonly isOverUnreadable: boolean;
}

async function recognise(
  file: BlockSource,
  chain: readonly string[],
  search: Search,
  said: DiskImageFormat | null,
): Promise<DiskImage | null> {
  if (said === 'raw') return null;
  const path = chain.at(-1)!;
  const { openSibling, signal } = search;
  const marks = markSource(file);
  if (search.isOverUnreadable) await readBytes(marks, 0, Math.min(FRONT_BYTES, file.lengthBytes));
  const isFrontUnread = marks.failure !== null;
  const look = search.isOverUnreadable ? marks : file;
  const context: ImageContext = {
    signal,
    path,
    isSaid: said !== null,
    look,
    openSibling: async (name) => openSibling(checkSiblingName(name)),
    async openParent(asked, told) {
      signal.throwIfAborted();
      const refuseEndless = (one: string) => {
        if (chain.includes(one) || chain.length === MAX_CHAIN)
          throw new EngineError('FORMAT_INVALID', { field: 'chain of parents', value: one, max: MAX_CHAIN });
      };
      if (!search.follow) refuseEndless(checkSiblingName(asked));
      const { file: parent, path: name } = search.follow
        ? await search.follow(asked, path)
        : { file: await openSibling(asked), path: asked };
      let image: DiskImage | null = null;
      try {
        refuseEndless(name);
        image = await recognise(parent, [...chain, name], search, told);
        // whoever wrote the disk could have written another image's header at its beginning
        if (image && told === null && !isNamedAs(name, image.format)) {
          throw new EngineError('FORMAT_UNSUPPORTED', {
            feature: `a parent whose format is not told (${name})`,
            path: name,
          });
        }
        return image ?? { format: 'raw', variant: 'raw', source: parent, identity: null, dependsOn: [] };
      } catch (error) {
        await (image?.source ?? parent).close();
        throw error;
      }
    },
  };
  for (const [format, open] of FORMATS) {
    if (said !== null && said !== format) continue;
    const image =
      isFrontUnread && isKnownByFront(format) ? null : await tellingOfRaw(format, context, () => open(file, context));
    if (image) return image;
    if (said !== null && marks.failure) throw marks.failure;
    if (said !== null) throw new EngineError('FORMAT_INVALID', { path, field: 'format', value: said });
  }
  await refuseForeign(look, path);
  if (marks.failure && FORMATS.some(([format]) => isNamedAs(path, format))) throw marks.failure;
  return null;
}
