import { join } from 'node:path';
import type { StoreLayout } from './store-layout.ts';

/** `packs/AB/ABCD….dpk`: 256 folders keep listings short. */
export function packPath(layout: StoreLayout, name: string): string {
  return join(layout.packs, name.slice(0, 2), `${name}.dpk`);
}
