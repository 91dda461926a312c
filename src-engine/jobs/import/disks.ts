/** The disks of an image that lies open, looked at in their order: the same way when it is planned and when it is imported. */
import type { OutsideChoice } from '../../contract/account.contract.ts';
import type { DiskView } from '../../contract/disk.contract.ts';
import type { DISK_ROLES } from '../../contract/template.contract.ts';
import { numberOf, ofDisk } from '../../core/of-disk.ts';
import { inspectImage } from '../../images/inspect-image.ts';
import type { OpenedImage } from '../../images/opened-image.ts';
import { DiskAccount } from '../../inspection/account/account.ts';
import { rolesOf } from '../../inspection/boots.ts';
import type { InspectedDisk } from '../../inspection/disk-inspection.ts';

export interface ImportedDisk {
  /** from 1; null where it is the only one */
  readonly number: number | null;
  readonly role: (typeof DISK_ROLES)[number];
  readonly image: OpenedImage;
  readonly inspected: InspectedDisk;
  readonly account: DiskAccount;
  readonly view: DiskView;
}

/** @throws EngineError `READ_FAILED`; with `disk` in its data where there are several */
export async function lookAtDisks(
  images: readonly OpenedImage[],
  outside: OutsideChoice,
  signal: AbortSignal,
): Promise<ImportedDisk[]> {
  const looked: Omit<ImportedDisk, 'role'>[] = [];
  for (const [i, image] of images.entries()) {
    const number = numberOf(i, images.length);
    looked.push(
      await ofDisk(number, async () => {
        const inspected = await inspectImage(image, signal);
        const account = await DiskAccount.of(inspected, 'file', outside, signal);
        return { number, image, inspected, account, view: account.view() };
      }),
    );
  }
  const roles = await rolesOf(looked.map(({ inspected, view }) => ({ source: inspected.source, view })));
  return looked.map((one, i) => ({ ...one, role: roles[i] }));
}
