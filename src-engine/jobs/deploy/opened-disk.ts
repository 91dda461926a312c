/** A disk with its volumes opened, as guests and boot loaders are looked for on it: opened once for all who look. */
import type { BlockSource } from '../../disk/block-source.port.ts';
import type { GuestInput } from '../../guest/guest-input.ts';
import { openVolumes, type OpenedVolume } from '../../inspection/disk-inspection.ts';
import { guestInputOf } from '../../inspection/guest-of.ts';

export interface OpenedDisk {
  readonly source: BlockSource;
  readonly volumes: readonly OpenedVolume[];
  readonly input: GuestInput;
}

/** @throws EngineError `READ_FAILED` */
export async function openDisk(source: BlockSource): Promise<OpenedDisk> {
  const volumes = await openVolumes(source);
  return { source, volumes, input: await guestInputOf([{ source, opened: volumes }]) };
}
