/**
 * What stands neither at the front nor at the end, or must be read from there on: VMFS of VMware, second headers of LUKS 2 and
 * NILFS2, the names of UDF and HFS+. Sources: vmfs-tools; "LUKS2 On-Disk Format Specification" 1.1, 2.1; nilfs-utils.
 */
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { hfsPlusSaid } from './apple.ts';
import { luksSaid, nilfsSaid } from './superblocks.ts';
import { KIB, signature, type Said, type Signature } from './signature.ts';
import { cString } from './tail.ts';
import { udfSaid } from './udf.ts';

const SECTOR_BYTES = 512;
const MIB = KIB * KIB;

/**
 * @param known of the same source: what is known there is not looked for again
 * @throws EngineError `READ_FAILED`
 */
export async function signaturesBeyondHead(source: BlockSource, known: readonly Signature[]): Promise<Signature[]> {
  const found: Signature[] = [];
  const look = async (
    name: string,
    usage: Signature['usage'],
    startBytes: number,
    says: (block: Buffer) => Said | null,
  ) => {
    if (startBytes < 0 || startBytes + 4 * KIB > source.lengthBytes) return;
    if ([...known, ...found].some((other) => other.name === name)) return;
    const said = says(await readBytes(source, startBytes, 4 * KIB));
    if (said) found.push(signature(name, usage, [{ startBytes, lengthBytes: 4 * KIB }], said));
  };
  for (let startBytes = 512 * KIB; startBytes <= 4 * MIB; startBytes *= 2) {
    await look('luks', 'crypto', startBytes, (block) => luksSaid(block, startBytes, 'SKUL\xba\xbe'));
  }
  await look('VMFS_volume_member', 'raid', MIB, vmfsMember);
  await look('VMFS', 'filesystem', 2 * MIB, vmfs);
  const sectors = Math.floor(source.lengthBytes / SECTOR_BYTES);
  await look('nilfs2', 'filesystem', (sectors - 8) * SECTOR_BYTES, nilfsSaid);
  return found;
}

/** Names that the front alone does not say. */
export async function namedBeyondHead(source: BlockSource, found: Signature, head: Buffer): Promise<Signature> {
  if (found.name === 'udf') return { ...found, ...(await udfSaid(source)) };
  if (found.name === 'hfsplus') return { ...found, ...(await hfsPlusSaid(source, head)) };
  return found;
}

function vmfsMember(block: Buffer): Said | null {
  return block.readUInt32BE(0) === 0x0dd001c0 ? { uuid: cString(block.subarray(532, 567), 'latin1') } : null;
}

/** Its UUID is two little-endian words, a short one, and six bytes as they stand. */
function vmfs(block: Buffer): Said | null {
  if (block.readUInt32BE(0) !== 0x5ef1ab2f) return null;
  const part = (from: number, to: number) => Buffer.from(block.subarray(from, to)).reverse().toString('hex');
  const uuid = [part(9, 13), part(13, 17), part(17, 19) + '-' + block.toString('hex', 19, 25)].join('-');
  return { uuid, label: cString(block.subarray(29, 157)) };
}
