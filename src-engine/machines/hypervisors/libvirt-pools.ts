/** Volumes of libvirt's pools: folders, NFS, LVM. Only the pool knows where they lie. */
import { isAbsolute } from 'node:path';
import type { VmDisk } from '../../contract/vm.contract.ts';
import { toEngineError } from '../../core/engine-error.ts';
import { attribute, childNamed, parseXml, textOf } from '../../core/xml.ts';
import type { PoolVolume } from './libvirt-domain.ts';
import type { Virsh } from './virsh.ts';

/** Source: libvirt, "Storage volume XML format": what a volume is to the host. */
const PLACED: Readonly<Record<string, VmDisk['placed']>> = { file: 'file', block: 'device' };

/**
 * @returns where it lies; `pool-down` where its pool is not started, or does not have it; null where only the hypervisor reaches it
 * @throws EngineError as {@link Virsh}, but for what the pool does not know
 */
export async function placeOfVolume(
  ask: Virsh,
  { pool, volume }: PoolVolume,
  signal: AbortSignal,
): Promise<Pick<VmDisk, 'placed' | 'path'> | null> {
  let xml: string;
  try {
    xml = await ask(signal, 'vol-dumpxml', `--pool=${pool}`, `--vol=${volume}`);
  } catch (error) {
    if (toEngineError(error).code !== 'TOOL_FAILED') throw error;
    return { placed: 'pool-down', path: `${pool}/${volume}`.slice(0, 500) };
  }
  const root = parseXml(xml, 'libvirt volume', 'volume');
  const placed = PLACED[attribute(root, 'type')];
  const path = textOf(childNamed(root, 'target'), 'path');
  return placed && isAbsolute(path) ? { placed, path } : null;
}
