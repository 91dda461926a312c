/** How the target starts a machine, read from it as it will be and held against the template: what was proven, and what was not. */
import type { JobContext } from '../../core/job-context.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBootAccount } from '../../boot-chain/boot-account.ts';
import { bootLinks } from '../../boot-chain/boot-links.ts';
import { readRecordedTables } from '../../inspection/disk-claims.ts';
import { openVolumes } from '../../inspection/disk-inspection.ts';
import { guestInputOf } from '../../inspection/guest-of.ts';
import { templateSource } from '../../versions/template-source.ts';
import type { Deployment } from './deployment.ts';
import { targetView } from './target-view.ts';

/** @throws EngineError `READ_FAILED`, and what reading a template throws */
export async function readBootChain(deployment: Deployment, { signal }: JobContext): Promise<void> {
  const { parts, manifest, json, plan, sink } = deployment;
  await sink.sync();
  const accountOf = async (source: BlockSource) => {
    const { layout } = await readRecordedTables(source, json.disk.layout.table);
    const { volumes } = await guestInputOf([{ source, opened: await openVolumes(source) }]);
    return readBootAccount(source, layout, volumes, signal);
  };
  const template = templateSource(parts.index, manifest, json);
  try {
    const rewritten = {
      isCore: deployment.identifiers.corePatches.length > 0,
      files: deployment.inside?.changes ?? [],
    };
    const [before, after] = [await accountOf(template), await accountOf(targetView(deployment))];
    deployment.bootChain = bootLinks(before, after, plan, rewritten);
  } finally {
    await template.close();
  }
}
