/** Versions of several disks, stored as a capture stores one. Nobody else may have the catalog open. */
import type { VersionRecord } from '../../src-engine/catalog/records/index.ts';
import { NOTHING_RECORDED } from '../../src-engine/contract/template.contract.ts';
import { quietContext } from '../../src-engine/core/job-context.ts';
import { DiskAccount } from '../../src-engine/inspection/account/account.ts';
import { inspectDisk } from '../../src-engine/inspection/disk-inspection.ts';
import { openSource } from '../../src-engine/images/open-source.ts';
import { storeDisks, type DiskToStore } from '../../src-engine/storing/store-disk.ts';
import { lockWriter } from '../../src-engine/store/locks.ts';
import { openCatalog } from './catalog-handle.ts';

/** @param sources image files: the first is the boot disk, each on a port of its own */
export async function storeTogether(catalog: string, sources: readonly string[], name: string): Promise<VersionRecord> {
  const handle = openCatalog(catalog);
  const parts = handle.make();
  const lock = lockWriter(parts.layout, 'test');
  const context = quietContext();
  const disks: DiskToStore[] = [];
  try {
    for (const [i, path] of sources.entries()) {
      const { source, place } = await openSource(parts.machine, path, null, new AbortController().signal);
      const disk = await inspectDisk(source, context.signal);
      const account = await DiskAccount.of(disk, 'file', 'ask', context.signal);
      disks.push({ role: i === 0 ? 'boot' : 'data', bus: 'sata', address: String(i), disk, account, place });
    }
    const about = { note: '', tags: [], kind: 'lab', licence: 'none', policy: null, medium: 'disk' } as const;
    const unknown = { guest: null, machine: null, platform: null, configuration: NOTHING_RECORDED } as const;
    const more = { name, tags: [], warnings: [], level: 3, onUnreadable: 'stop' } as const;
    const stored = await storeDisks(parts, disks, { ...about, ...unknown, ...more, tags: [] }, context, async () => {});
    return stored.version;
  } finally {
    for (const { disk } of disks) await disk.source.close();
    lock.release();
    handle.close();
  }
}
