/** The files in templates. */
import type { JobContext } from '../../core/job-context.ts';
import type { Comparison } from '../../contract/files.contract.ts';
import { ofAllDisks } from '../../browsing/compare-disks.ts';
import { compareVersions } from '../../browsing/compare-versions.ts';
import { runExtract } from '../../jobs/extract/run.ts';
import { listFiles } from '../../browsing/list-files.ts';
import { volumeView } from '../../browsing/open-template.ts';
import { readFile } from '../../browsing/read-file.ts';
import { catalogClaim } from '../claims.ts';
import type { Host, Operations } from './operations.ts';

export const fileOperations = ({
  catalog,
  files,
  jobs,
}: Host): Operations<'files.volumes' | 'files.list' | 'files.read' | 'files.extract' | 'files.compare'> => ({
  'files.volumes': (params) =>
    files.use(catalog.parts, params, async ({ volumes, found }) => {
      const { volumes: views, groups } = found.disk.layout;
      const inner = groups.flatMap((group) => group.volumes);
      const usedBytes = (ref: string) =>
        (views.find(({ number }) => String(number ?? 0) === ref) ?? inner.find((volume) => volume.ref === ref))
          ?.usedBytes;
      return volumes.map((volume) => ({
        ...volumeView(volume, usedBytes(volume.ref) ?? 0),
        ...(found.version.disks.length > 1 && { disk: found.number }),
      }));
    }),
  'files.list': (params, signal) =>
    files.use(catalog.parts, params, async (opened) => listFiles(await opened.tree(params.volume), params, signal)),
  'files.read': (params) =>
    files.use(catalog.parts, params, async (opened) => readFile(await opened.tree(params.volume), params)),
  'files.extract': (params) => {
    const { template } = catalog.parts.templates.find(params.template);
    const about = { kind: 'extract', templateName: template.name, path: params.path || '/' } as const;
    const run = (context: JobContext) =>
      files.use(catalog.parts, params, (opened) => runExtract(opened, catalog.parts.layout.root, params, context));
    return { jobId: jobs.start(about, [catalogClaim('read')], [{ path: about.path, run }]) };
  },
  'files.compare': async ({ before, after, disk: only }, signal) => {
    const compare = (disk: number | undefined) =>
      files.use(catalog.parts, { template: before, disk }, (old) =>
        files.use(catalog.parts, { template: after, disk }, (now) => compareVersions(old, now, signal)),
      );
    const disksOf = (template: string) => catalog.parts.templates.find(template).version.disks;
    const [olds, news] = [disksOf(before), disksOf(after)];
    if (only !== undefined || (olds.length === 1 && news.length === 1)) return compare(only);
    const comparisons = new Map<number, Comparison>();
    // one after the other: each reads as fast as it can
    for (let disk = 1; disk <= Math.min(olds.length, news.length); disk++) comparisons.set(disk, await compare(disk));
    return ofAllDisks(comparisons, olds.length > news.length ? olds : news);
  },
});
