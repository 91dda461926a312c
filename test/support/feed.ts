/** The feed of a target that is alone. */
import type { JobContext } from '../../src-engine/core/job-context.ts';
import type { CatalogHandle } from '../../src-engine/host/catalog-handle.ts';
import { Feeds, type Feeding } from '../../src-engine/jobs/deploy/feed.ts';
import type { FoundDisk } from '../../src-engine/versions/found-disk.ts';

export function feedOf(parts: CatalogHandle['parts'], found: FoundDisk, { signal }: JobContext): Feeding {
  return new Feeds(parts).of(found, signal).expect();
}
