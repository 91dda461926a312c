/** Another UUID for a swap area, in its header: Linux, include/linux/swap.h, union swap_header. */
import type { BlockSource } from '../../disk/block-source.port.ts';
import type { UuidWay } from '../new-uuid.port.ts';
import { bytesOfUuid } from '../uuid.ts';
import { recogniseSwap } from './swap.ts';

const UUID_AT = 1036;

/** @throws EngineError as {@link recogniseSwap} */
export async function swapUuidWay(volume: BlockSource, uuid: string): Promise<UuidWay> {
  const area = await recogniseSwap(volume);
  if (!area) return { by: 'nothing', refusal: 'damaged' };
  // a machine that wakes up from it would look for the one that it went to sleep with
  if (area.warnings.some(({ code }) => code === 'SWAP_HIBERNATED')) return { by: 'nothing', refusal: 'hibernated' };
  return { by: 'patches', patches: [{ offsetBytes: UUID_AT, bytes: bytesOfUuid(uuid) }] };
}
