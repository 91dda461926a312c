/** VDI images: dynamic and fixed. What is read and what is refused: FORMAT.md. */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readCache } from '../../disk/read-cache.ts';
import { readBytes } from '../../disk/read.ts';
import type { RecogniseImage } from '../disk-image.port.ts';
import { MAX_ENTRIES, type ImageMap, type Piece } from '../image-map.port.ts';
import { mappedImage } from '../mapped-image.ts';
import { PieceList } from '../piece-list.ts';
import { checkInFile } from '../truncated.ts';
import { BLOCK_FREE, BLOCK_ZERO, SIGNATURE, TYPE, vdiHeader, VERSION_1_1 } from './struct.ts';

const BLOCK_BYTES_MIN = 4096;
const BLOCK_BYTES_MAX = 256 * 1024 * 1024;
const LENGTH_MAX = 2 ** 50;
const TABLE_CACHE_BYTES = 4 * 1024 * 1024;

/** @throws EngineError `FORMAT_INVALID`, `FILE_TRUNCATED`; `FORMAT_UNSUPPORTED` for differencing images and old versions */
export const recogniseVdi: RecogniseImage = async (file) => {
  if (file.lengthBytes < 72) return null;
  const start = await readBytes(file, 0, Math.min(vdiHeader.size, file.lengthBytes));
  if (start.readUInt32LE(64) !== SIGNATURE) return null;
  checkInFile('header', file, 0, vdiHeader.size);
  const fields = vdiHeader.read(start);
  if (fields.version !== VERSION_1_1) throw unsupported(`VDI version 0x${fields.version.toString(16)}`);
  if (fields.type === TYPE.DIFFERENCING || fields.type === TYPE.UNDO) throw unsupported('VDI differencing image');
  checkRange('type', fields.type, TYPE.DYNAMIC, TYPE.FIXED);
  if (fields.legacySectorBytes !== 512) throw unsupported(`VDI sectors of ${fields.legacySectorBytes} bytes`);
  const lengthBytes = checkRange('cbDisk', Number(fields.diskBytes), 0, LENGTH_MAX);
  const blockBytes = checkRange('cbBlock', fields.blockBytes, BLOCK_BYTES_MIN, BLOCK_BYTES_MAX);
  if (!Number.isInteger(Math.log2(blockBytes))) checkRange('cbBlock', Number.NaN, BLOCK_BYTES_MIN, BLOCK_BYTES_MAX);
  const blockCount = Math.ceil(lengthBytes / blockBytes);
  checkRange('cBlocks', fields.blockCount, blockCount, 2 ** 32);
  checkRange('cbBlockExtra', fields.blockExtraBytes, 0, blockBytes);
  checkInFile('offBlocks', file, fields.blocksOffset, blockCount * 4);
  const map = vdiMap(file, lengthBytes, fields);
  return {
    format: 'vdi',
    variant: fields.type === TYPE.FIXED ? 'fixed' : 'dynamic',
    source: mappedImage({ map, parent: null, owned: [file] }),
    identity: null,
    dependsOn: [],
  };
};

interface Layout {
  readonly blocksOffset: number;
  readonly dataOffset: number;
  readonly blockBytes: number;
  readonly blockExtraBytes: number;
}

function vdiMap(file: BlockSource, lengthBytes: number, layout: Layout): ImageMap {
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
      if (block === BLOCK_FREE || block === BLOCK_ZERO) list.zeros(length);
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
