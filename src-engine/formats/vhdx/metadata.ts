/** What a VHDX says of its disk: [MS-VHDX] 2.6. */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import type { TableRegion } from './header.ts';
import {
  FILE_PARAMETER,
  fileParameters,
  ITEM,
  LOCATOR_TYPE_VHDX,
  METADATA_IS_REQUIRED,
  METADATA_TABLE_BYTES,
  metadataEntry,
  metadataTable,
  MIB,
  parentLocatorEntry,
  parentLocatorHeader,
} from './struct.ts';

export interface VhdxMetadata {
  readonly blockBytes: number;
  readonly isFixed: boolean;
  readonly lengthBytes: number;
  readonly sectorBytes: number;
  readonly physicalSectorBytes: number;
  /** names and values of the parent locator; null: no parent */
  readonly parent: ReadonlyMap<string, string> | null;
}

const ITEMS_MAX = 2047;
const ITEM_BYTES_MAX = MIB;
const LENGTH_MAX = 64 * 2 ** 40;
const KNOWN = new Set<string>(Object.values(ITEM));

/** @throws EngineError `FORMAT_INVALID`; `FORMAT_UNSUPPORTED` for required items of other kinds */
export async function readMetadata(file: BlockSource, region: TableRegion): Promise<VhdxMetadata> {
  checkRange('metadata region', region.lengthBytes, METADATA_TABLE_BYTES, Number.MAX_SAFE_INTEGER);
  const items = await readItems(file, region);
  const item = (id: string, size: number) => {
    const bytes = items.get(id);
    if (!bytes || bytes.length < size) throw new EngineError('FORMAT_INVALID', { field: 'metadata item', value: id });
    return bytes;
  };
  const { blockSize, flags } = fileParameters.read(item(ITEM.FILE_PARAMETERS, fileParameters.size));
  checkRange('BlockSize', blockSize, MIB, 256 * MIB);
  if (!Number.isInteger(Math.log2(blockSize))) throw invalid('BlockSize', blockSize);
  const sectorBytes = sectorSize('LogicalSectorSize', item(ITEM.LOGICAL_SECTOR_SIZE, 4));
  const lengthBytes = Number(item(ITEM.VIRTUAL_DISK_SIZE, 8).readBigUInt64LE(0));
  checkRange('VirtualDiskSize', lengthBytes, 0, LENGTH_MAX);
  if (lengthBytes % sectorBytes !== 0) throw invalid('VirtualDiskSize', lengthBytes);
  const hasParent = (flags & FILE_PARAMETER.HAS_PARENT) !== 0;
  return {
    blockBytes: blockSize,
    isFixed: (flags & FILE_PARAMETER.LEAVE_BLOCKS_ALLOCATED) !== 0,
    lengthBytes,
    sectorBytes,
    physicalSectorBytes: sectorSize('PhysicalSectorSize', item(ITEM.PHYSICAL_SECTOR_SIZE, 4)),
    parent: hasParent ? readLocator(item(ITEM.PARENT_LOCATOR, parentLocatorHeader.size)) : null,
  };
}

async function readItems(file: BlockSource, { offsetBytes, lengthBytes }: TableRegion): Promise<Map<string, Buffer>> {
  const table = await readBytes(file, offsetBytes, METADATA_TABLE_BYTES);
  const { signature, entryCount } = metadataTable.read(table);
  if (signature !== 'metadata') throw new EngineError('FORMAT_INVALID', { field: 'metadata signature' });
  checkRange('metadata entries', entryCount, 0, ITEMS_MAX);
  const items = new Map<string, Buffer>();
  for (let i = 0; i < entryCount; i++) {
    const entry = metadataEntry.read(table, metadataTable.size + i * metadataEntry.size);
    const isKnown = KNOWN.has(entry.itemId);
    if (!isKnown && entry.flags & METADATA_IS_REQUIRED) {
      throw new EngineError('FORMAT_UNSUPPORTED', { feature: `VHDX metadata ${entry.itemId}` });
    }
    if (!isKnown) continue;
    checkSpan('metadata item', entry.offset, entry.length, lengthBytes);
    items.set(entry.itemId, await readBytes(file, offsetBytes + entry.offset, entry.length, ITEM_BYTES_MAX));
  }
  return items;
}

function readLocator(bytes: Buffer): Map<string, string> {
  const { locatorType, keyValueCount } = parentLocatorHeader.read(bytes);
  if (locatorType !== LOCATOR_TYPE_VHDX) {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `VHDX parent locator ${locatorType}` });
  }
  const pairs = new Map<string, string>();
  for (let i = 0; i < keyValueCount; i++) {
    const entry = parentLocatorEntry.read(bytes, parentLocatorHeader.size + i * parentLocatorEntry.size);
    checkSpan('key', entry.keyOffset, entry.keyLength, bytes.length);
    checkSpan('value', entry.valueOffset, entry.valueLength, bytes.length);
    const text = (at: number, length: number) => bytes.toString('utf16le', at, at + length);
    pairs.set(text(entry.keyOffset, entry.keyLength), text(entry.valueOffset, entry.valueLength));
  }
  return pairs;
}

function sectorSize(field: string, item: Buffer): number {
  const size = item.readUInt32LE(0);
  if (size !== 512 && size !== 4096) throw invalid(field, size);
  return size;
}

function invalid(field: string, value: number): EngineError {
  return new EngineError('FORMAT_INVALID', { field, value: String(value) });
}
