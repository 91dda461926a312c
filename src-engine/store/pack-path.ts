/** Where packs lie: `packs/AB/ABCD….dpk`. 256 folders keep listings short. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoreLayout } from './store-layout.ts';

const PACK_ENDING = '.dpk';

export function packPath(layout: StoreLayout, name: string): string {
  return join(layout.packs, name.slice(0, 2), name + PACK_ENDING);
}

/** The packs that are there, in the order of their names. What else somebody has put beside them is left alone. */
export async function packFiles(layout: StoreLayout): Promise<{ name: string; path: string }[]> {
  const packs: { name: string; path: string }[] = [];
  for (const folder of await readdir(layout.packs, { withFileTypes: true })) {
    if (!folder.isDirectory()) continue;
    for (const file of await readdir(join(layout.packs, folder.name))) {
      const name = file.slice(0, -PACK_ENDING.length);
      const path = join(layout.packs, folder.name, file);
      if (path === packPath(layout, name)) packs.push({ name, path });
    }
  }
  return packs.sort((a, b) => (a.name < b.name ? -1 : 1));
}
