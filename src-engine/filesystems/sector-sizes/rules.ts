/**
 * Whether a file system that was made on sectors of one size may stand on a disk that counts in another. What a driver does was
 * taken from Linux and from the documentation of each; where nobody promises anything, the answer is no.
 */
import type { FileSystemKind } from '../../contract/disk.contract.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import type { EncryptedVolume } from '../encrypted/encrypted.port.ts';
import { recogniseEncrypted } from '../encrypted/recognise-encrypted.ts';
import type { FileSystem } from '../file-system.port.ts';
import { moveFat } from './fat.ts';
import { AS_IT_IS, impossible, type SectorMove } from './sector-move.port.ts';

interface Asked {
  readonly volume: BlockSource;
  readonly blockBytes: number;
  readonly toSectorBytes: number;
}
type Rule = (asked: Asked) => Promise<SectorMove>;

/** The driver reads and writes whole blocks: they have to be whole sectors. */
const wholeBlocks =
  (name: string): Rule =>
  async ({ blockBytes, toSectorBytes }) =>
    blockBytes >= toSectorBytes ? AS_IT_IS : impossible(`${name} with blocks of ${blockBytes} bytes`);

/** The volume says what sectors its disk has, and drivers that matter refuse others. */
const sameSectors =
  (name: string, sectorBytesOf: (volume: BlockSource) => Promise<number>): Rule =>
  async ({ volume, toSectorBytes }) => {
    const sectorBytes = await sectorBytesOf(volume);
    return sectorBytes === toSectorBytes
      ? AS_IT_IS
      : impossible(`${name} that counts in sectors of ${sectorBytes} bytes`);
  };

/** Linux, fs/xfs/libxfs/xfs_format.h: sb_sectsize, sb_logsectsize (0: 512). XFS writes nothing smaller than these. */
const xfs: Rule = async ({ volume, toSectorBytes }) => {
  const superblock = await readBytes(volume, 0, 264);
  const sectorBytes = superblock.readUInt16BE(102);
  const logSectorBytes = superblock.readUInt16BE(194) || sectorBytes;
  const smallest = Math.min(sectorBytes, logSectorBytes);
  return smallest >= toSectorBytes ? AS_IT_IS : impossible(`XFS that writes sectors of ${smallest} bytes`);
};

const ext = wholeBlocks('ext');
const fat: Rule = ({ volume, toSectorBytes }) => moveFat(volume, toSectorBytes);

const RULES: Record<FileSystemKind, Rule> = {
  ext2: ext,
  ext3: ext,
  ext4: ext,
  btrfs: wholeBlocks('btrfs'),
  swap: wholeBlocks('swap'),
  xfs,
  fat12: fat,
  fat16: fat,
  fat32: fat,
  // Windows mounts neither on a disk with other sectors
  ntfs: sameSectors('NTFS', async (volume) => (await readBytes(volume, 11, 2)).readUInt16LE()),
  exfat: sameSectors('exFAT', async (volume) => 2 ** (await readBytes(volume, 108, 1))[0]),
};

/**
 * Whether `fileSystem` may stand on sectors of that size, and what has to be rewritten for it.
 * @throws EngineError `READ_FAILED`
 */
export function moveFileSystem(
  volume: BlockSource,
  { kind, blockBytes }: Pick<FileSystem, 'kind' | 'blockBytes'>,
  toSectorBytes: number,
): Promise<SectorMove> {
  return RULES[kind]({ volume, blockBytes, toSectorBytes });
}

/**
 * Whether what is no file system may. What is unknown may count in anything.
 * @throws EngineError `READ_FAILED`
 */
export async function moveUnknown(volume: BlockSource, toSectorBytes: number): Promise<SectorMove> {
  const encrypted = await recogniseEncrypted(volume);
  return encrypted ? moveEncrypted(encrypted, toSectorBytes) : impossible('nobody knows what it holds');
}

/**
 * What is inside LUKS saw sectors of its unit of encryption, or those of its disk: Linux takes what was made for larger ones.
 * Inside BitLocker is an NTFS.
 */
function moveEncrypted({ name, sectorBytes }: EncryptedVolume, toSectorBytes: number): SectorMove {
  const isLuks = name.startsWith('LUKS') && sectorBytes !== null;
  if (isLuks && (sectorBytes >= toSectorBytes || toSectorBytes === 512)) return AS_IT_IS;
  return impossible(`${name}${sectorBytes === null ? '' : ` that counts in sectors of ${sectorBytes} bytes`}`);
}
