/** What a deploy makes of a relocation: partitions and metadata from the template, without what is stale, then the patches. */
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { readLayout } from '../../../src-engine/volumes/read-layout.ts';
import { relocateTables } from '../../../src-engine/volumes/relocate-tables.ts';

export async function relocated(
  disk: Buffer,
  targetLengthBytes: number,
  sectorBytes = 512,
  targetSectorBytes = sectorBytes,
): Promise<Buffer> {
  const source = memorySource(disk, sectorBytes);
  const layout = await readLayout(source);
  const { patches, stale } = await relocateTables(source, targetLengthBytes, targetSectorBytes);
  const template = Buffer.alloc(Math.max(disk.length, targetLengthBytes));
  for (const { startBytes, lengthBytes } of [...layout.metadata, ...layout.partitions]) {
    disk.copy(template, startBytes, startBytes, startBytes + lengthBytes);
  }
  for (const { startBytes, lengthBytes } of stale) template.fill(0, startBytes, startBytes + lengthBytes);
  const target = template.subarray(0, targetLengthBytes);
  for (const { offsetBytes, bytes } of patches) target.set(bytes, offsetBytes);
  return target;
}
