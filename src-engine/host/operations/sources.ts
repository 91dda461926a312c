/** Looking at disks: those that are attached, image files, and those of templates. Nothing is changed. */
import { DiskAccount } from '../../inspection/account/account.ts';
import { inspectDisk } from '../../inspection/disk-inspection.ts';
import { openSource, withImageWarnings } from '../../images/open-source.ts';
import { recordedGuest } from '../../judgement/check.ts';
import { guestOf } from '../../inspection/guest-of.ts';
import { openRulebook } from '../../judgement/rulebook.ts';
import { alsoThere, templateNamed } from './named-template.ts';
import type { Host, Operations } from './operations.ts';

export const sourceOperations = ({ catalog, catalogPath }: Host): Operations<'device.list' | 'source.inspect'> => ({
  'device.list': () => catalog.machine.listDevices(catalogPath),
  'source.inspect': async ({ source: path, format }, signal) => {
    const template = templateNamed(catalog, path);
    if (template) {
      const { version } = template;
      const book = await openRulebook(catalog.looking);
      const guest = await recordedGuest(catalog.looking, book, template, signal);
      const disks = version.disks.map(({ source, layout: disk }) => ({ source, disk }));
      const [first, ...others] = disks;
      const disk = { ...first.disk, warnings: [...alsoThere(path), ...first.disk.warnings] };
      const shown = [{ ...first, disk }, ...others];
      return { ...shown[0], disks: shown, format: null, guest, machine: version.machine };
    }
    const opened = await openSource(catalog.machine, path, format, signal);
    const { source, place } = opened;
    try {
      const disk = await inspectDisk(source, signal);
      const { endOfLife } = await openRulebook(catalog.looking);
      const guest = await guestOf(source, disk.opened, endOfLife, signal);
      const account = await DiskAccount.of(disk, place.kind, 'ask', signal);
      const shown = { source: place, disk: withImageWarnings(account.view(), opened) };
      return { ...shown, disks: [shown], format: opened.format, guest, machine: null };
    } finally {
      await source.close();
    }
  },
});
