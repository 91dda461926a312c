/** Looking at disks: those that are attached, image files, and those of templates. Nothing is changed. */
import { EngineError } from '../../core/engine-error.ts';
import { takeOut } from '../../machines/take-out.ts';
import { DiskAccount } from '../../inspection/account/account.ts';
import { inspectDisk } from '../../inspection/disk-inspection.ts';
import type { Warning } from '../../contract/warnings.ts';
import { withImageWarnings, type OpenedSource } from '../../images/open-source.ts';
import { recordedGuest } from '../../judgement/check.ts';
import { guestOfDisks } from '../../inspection/guest-of.ts';
import { openCaptured } from '../../jobs/capture/open-captured.ts';
import { profileOfVm, sourcesOf } from '../../jobs/capture/sources.ts';
import { openRulebook } from '../../judgement/rulebook.ts';
import { lendWithRights } from '../rights/lend-with-rights.ts';
import { alsoThere, templateNamed } from './named-template.ts';
import type { Host, Operations } from './operations.ts';

export const sourceOperations = ({
  catalog,
  catalogPath,
}: Host): Operations<'device.list' | 'device.takeOut' | 'source.inspect' | 'rights.ask'> => ({
  'rights.ask': async ({ source }, signal) => {
    await lendWithRights(catalog.machine, source, signal);
    return {};
  },
  'device.list': () => catalog.machine.listDevices(catalogPath),
  'device.takeOut': async ({ device: path }, signal) => {
    const device = await catalog.machine.deviceAt(path, catalogPath);
    if (!device) throw new EngineError('SOURCE_NOT_FOUND', { path });
    await takeOut(device, signal);
    return {};
  },
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
    const { sources, vm } = await sourcesOf({ source: path, others: [], format }, true, signal);
    const opened: OpenedSource[] = [];
    try {
      for (const one of sources) opened.push(await openCaptured(catalog.machine, one, signal));
      const looked = [];
      for (const one of opened) {
        const disk = await inspectDisk(one.source, signal);
        const account = await DiskAccount.of(disk, one.place.kind, 'ask', signal);
        looked.push({ disk: { ...disk, source: one.source }, source: one.place, view: account.view() });
      }
      const { endOfLife } = await openRulebook(catalog.looking);
      const guest = await guestOfDisks(
        looked.map(({ disk }) => disk),
        endOfLife,
        signal,
      );
      const runs: Warning[] = vm && vm.state !== 'off' ? [{ code: 'VM_RUNS', data: { place: vm.place } }] : [];
      const disks = looked.map(({ source, view }, i) => ({
        source,
        disk: withImageWarnings(view, { warnings: [...(i === 0 ? runs : []), ...opened[i].warnings] }),
      }));
      return { ...disks[0], disks, format: opened[0].format, guest, machine: vm && profileOfVm(vm) };
    } finally {
      await Promise.all(opened.map(({ source }) => source.close()));
    }
  },
});
