/** What a folder keeps of a swap: `swappt-DEVICE.info`, as shell variables. Its content means nothing, so it is made anew. */
import type { FolderFiles } from './folder-files.ts';

export interface SwapIdentity {
  readonly uuid: string;
  readonly label: string;
}

const MAX_BYTES = 1024 * 1024;

/** @param device as in names of files @returns null where the folder has none of that device */
export async function readSwap(files: FolderFiles, device: string): Promise<SwapIdentity | null> {
  const text = (await files.read(`swappt-${device}.info`, MAX_BYTES))?.toString('utf8');
  if (!text) return null;
  return { uuid: /^UUID="?([\w-]+)/m.exec(text)?.[1] ?? '', label: /^LABEL="?([^"\n]*)/m.exec(text)?.[1] ?? '' };
}
