/** What of identifiers, and of files that name them, can be changed here. */
import type { Keeping } from '../../identifiers/disk-ids.ts';
import type { IdAbilities } from '../../identifiers/plan-ids.ts';
import { needsForUuid } from '../../identifiers/uuid-programs.ts';
import type { OpenedVolume } from '../../inspection/disk-inspection.ts';
import { findTool, TOOL_PACKAGES } from '../../tools/tools.ts';
import { writeRefusal, type Reach } from './write-refusal.ts';
import { placeOnDisk } from './volume-on-disk.ts';

export function idAbilities(volumes: readonly OpenedVolume[], reach: Reach): IdAbilities {
  const { isDevice, hasRoot } = reach;
  return {
    canWrite: (ref, kind) => writeRefusal(volumes, ref, kind, reach) === null,
    refusalOf({ ref }): Keeping | null {
      const volume = volumes.find((one) => one.ref === ref);
      if (!volume?.fileSystem) return { code: 'id-kept-damaged', data: { kind: '' } };
      const { tools, needsRoot } = needsForUuid(volume.fileSystem, isDevice);
      if (needsRoot && !hasRoot) return { code: 'id-kept-needs-root' };
      const tool = tools.find((one) => !findTool(one));
      if (tool) return { code: 'id-kept-tool-missing', data: { tool, package: TOOL_PACKAGES[tool] } };
      const place = placeOnDisk(volumes, ref);
      return place && (!isDevice || place.startBytes > 0) ? null : { code: 'id-kept-scattered' };
    },
  };
}
