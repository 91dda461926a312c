/** How the target starts a machine, read from it as it will be and held against the template; a core whose blocks moved is led to first. */
import type { JobContext } from '../../core/job-context.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBootAccount } from '../../boot-chain/boot-account.ts';
import { bootLinks } from '../../boot-chain/boot-links.ts';
import { entryLoader } from '../../boot-chain/entry-loader.ts';
import { readRecordedTables } from '../../inspection/disk-claims.ts';
import { templateSource } from '../../versions/template-source.ts';
import type { Deployment } from './deployment.ts';
import { mendCores } from './mend-cores.ts';
import { openDisk } from './opened-disk.ts';
import { targetView } from './target-view.ts';

/** @throws EngineError `READ_FAILED`, and what reading a template throws */
export async function readBootChain(deployment: Deployment, context: JobContext): Promise<void> {
  const { signal } = context;
  const { parts, manifest, json, plan, sink } = deployment;
  await sink.sync();
  const accountOf = async (source: BlockSource) => {
    const { layout } = await readRecordedTables(source, json.disk.layout.table);
    const { input } = await openDisk(source);
    return readBootAccount(source, layout, input.volumes, signal);
  };
  const template = templateSource(parts.index, manifest, json);
  try {
    const before = await accountOf(template);
    let after = await accountOf(targetView(deployment));
    if (await mendCores(deployment, before, after, context)) after = await accountOf(targetView(deployment));
    const rewritten = {
      isCore: deployment.identifiers.corePatches.length > 0,
      files: deployment.inside?.changes ?? [],
    };
    deployment.bootChain = bootLinks(before, after, plan, rewritten);
    deployment.entry = entryLoader(after);
  } finally {
    await template.close();
  }
}
