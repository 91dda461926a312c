/** VDI images: dynamic, fixed, and those that stand on another. What is read and what is refused: FORMAT.md. */
import { checkRange } from '../../core/bounds.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readCache } from '../../disk/read-cache.ts';
import { readBytes } from '../../disk/read.ts';
import type { DiskImage, ImageContext, RecogniseImage } from '../disk-image.port.ts';
import { MAX_ENTRIES, type ImageMap, type Piece } from '../image-map.port.ts';
import { mappedImage } from '../mapped-image.ts';
import { PieceList } from '../piece-list.ts';
import { checkInFile } from '../truncated.ts';
import { BLOCK_FREE, BLOCK_ZERO, SIGNATURE, TYPE, vdiHeader, VERSION_1_1 } from './struct.ts';

const BLOCK_BYTES_MIN = 4096;
const BLOCK_BYTES_MAX = 256 * 1024 * 1024;
const LENGTH_MAX = 2 ** 50;
const TABLE_CACHE_BYTES = 4 * 1024 * 1024;

/** @throws EngineError `FORMAT_INVALID`, `FILE_TRUNCATED`; `FORMAT_UNSUPPORTED` for undo images, old versions, and images whose parent is nowhere */
export const recogniseVdi: RecogniseImage = async (file, context) => {
  if (file.lengthBytes < 72) return null;
  const start = await readBytes(file, 0, Math.min(vdiHeader.size, file.lengthBytes));
  if (start.readUInt32LE(64) !== SIGNATURE) return null;
  checkInFile('header', file, 0, vdiHeader.size);
  const fields = vdiHeader.read(start);
  if (fields.version !== VERSION_1_1) throw unsupported(`VDI version 0x${fields.version.toString(16)}`);
  if (fields.type === TYPE.UNDO) throw unsupported('VDI differencing image');
  checkRange('type', fields.type, TYPE.DYNAMIC, TYPE.DIFFERENCING);
  if (fields.legacySectorBytes !== 512) throw unsupported(`VDI sectors of ${fields.legacySectorBytes} bytes`);
  const lengthBytes = checkRange('cbDisk', Number(fields.diskBytes), 0, LENGTH_MAX);
  const blockBytes = checkRange('cbBlock', fields.blockBytes, BLOCK_BYTES_MIN, BLOCK_BYTES_MAX);
  if (!Number.isInteger(Math.log2(blockBytes))) checkRange('cbBlock', Number.NaN, BLOCK_BYTES_MIN, BLOCK_BYTES_MAX);
  const blockCount = Math.ceil(lengthBytes / blockBytes);
  checkRange('cBlocks', fields.blockCount, blockCount, 2 ** 32);
  checkRange('cbBlockExtra', fields.blockExtraBytes, 0, blockBytes);
  checkInFile('offBlocks', file, fields.blocksOffset, blockCount * 4);
  const isOver = fields.type === TYPE.DIFFERENCING;
  const parent = isOver ? await openParent(fields.uuidLinkage, fields.uuidParentModify, context) : null;
  const map = vdiMap(file, lengthBytes, fields, isOver);
  return {
    format: 'vdi',
    variant: isOver ? 'differencing' : fields.type === TYPE.FIXED ? 'fixed' : 'dynamic',
    source: mappedImage({ map, parent: parent?.source ?? null, owned: [file, ...(parent ? [parent.source] : [])] }),
    identity: identityOf(fields.uuidCreate, fields.uuidModify),
    dependsOn: parent ? [nameOf(fields.uuidLinkage), ...parent.dependsOn] : [],
  };
};

const NO_UUID = '00000000-0000-0000-0000-000000000000';
/** What an image is called by one that stands on it: who it is, and since when it is as it is. */
const identityOf = (uuid: string, modified: string) => `${uuid} ${modified}`;
/** The name that VirtualBox gives to images of snapshots; whoever knows its list finds others by it. */
const nameOf = (uuid: string) => `{${uuid.toLowerCase()}}.vdi`;

/** The parent must be as it was: its second UUID changes when it is written to. */
async function openParent(uuid: string, modified: string, context: ImageContext): Promise<DiskImage> {
  if (uuid === NO_UUID) throw unsupported('VDI differencing image');
  const parent = await context.openParent(nameOf(uuid), 'vdi').catch((error: unknown) => {
    const { code, data } = toEngineError(error);
    if (code !== 'NOT_FOUND' && code !== 'FILE_MISSING') throw error;
    throw new EngineError('FORMAT_UNSUPPORTED', { ...data, feature: 'VDI differencing image' }, '', { cause: error });
  });
  const [own, itsModified] = parent.identity?.split(' ') ?? [];
  if (own === uuid && (modified === NO_UUID || modified === itsModified)) return parent;
  await parent.source.close();
  const field = own === uuid ? 'uuidParentModify' : 'uuidLinkage';
  throw new EngineError('FORMAT_INVALID', { field, value: own === uuid ? modified : uuid, path: context.path });
}

interface Layout {
  readonly blocksOffset: number;
  readonly dataOffset: number;
  readonly blockBytes: number;
  readonly blockExtraBytes: number;
}

/** @param isOver blocks that were never written are the parent's */
function vdiMap(file: BlockSource, lengthBytes: number, layout: Layout, isOver: boolean): ImageMap {
  const { blocksOffset, dataOffset, blockBytes, blockExtraBytes } = layout;
  const tables = readCache(file, TABLE_CACHE_BYTES);
  async function pieces(startBytes: number, wantedBytes: number): Promise<Piece[]> {
    const list = new PieceList();
    const first = Math.floor(startBytes / blockBytes);
    const inBlock = startBytes - first * blockBytes;
    const count = Math.min(MAX_ENTRIES, Math.ceil((inBlock + wantedBytes) / blockBytes));
    const entries = await readBytes(tables, blocksOffset + first * 4, count * 4);
    for (let i = 0, skip = inBlock, left = wantedBytes; i < count && left > 0; i++, skip = 0) {
      const length = Math.min(left, blockBytes - skip);
      const block = entries.readUInt32LE(i * 4);
      const offsetBytes = dataOffset + block * (blockBytes + blockExtraBytes) + blockExtraBytes;
      if (block === BLOCK_FREE && isOver) list.parent(length);
      else if (block === BLOCK_FREE || block === BLOCK_ZERO) list.zeros(length);
      else list.stored(file, offsetBytes + skip, length);
      left -= length;
    }
    return list.pieces;
  }
  return { lengthBytes, clusterBytes: blockBytes, pieces };
}

function unsupported(feature: string): EngineError {
  return new EngineError('FORMAT_UNSUPPORTED', { feature });
}
