/**
 * Volume groups made by LVM2's own tools, without device-mapper: volumes are made and not activated. What they hold is laid out
 * where `lvs` says that they lie.
 */
import {
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { MIB, run, runWithInput, type Workbench } from '../../support/workbench.ts';
import { noise, type Part } from '../../support/disks.ts';

/** A logical volume in the text of a group's metadata, for kinds that cannot be made without device-mapper. */
export function volumeText(name: string, status: string[], ...segments: string[]): string {
  const id = Buffer.from(noise(name, 24)).toString('hex').slice(0, 32);
  const uuid = id.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/, '$1-$2-$3-$4-$5-$6-$7');
  const inner = segments.map((segment, i) => `segment${i + 1} {\n${segment}\n}`).join('\n');
  return `${name} {
    id = "${uuid}"
    status = [${status.map((word) => `"${word}"`).join(', ')}]
    flags = []
    segment_count = ${segments.length}
    ${inner}
  }\n`;
}

export interface LvmSegment {
  readonly stripeBytes: number;
  /** one for each stripe */
  readonly areas: readonly { readonly device: string; readonly startBytes: number; readonly lengthBytes: number }[];
}

export interface Lvm {
  /** loop devices over the parts, in their order */
  readonly devices: readonly string[];
  /** Runs a tool of LVM2 on these devices alone. */
  (tool: string, ...args: string[]): string;
  /** `lvcreate` without activation. */
  create(...args: string[]): void;
  /** Where a volume lies, as `lvs` says. */
  segmentsOf(volume: string): LvmSegment[];
  /** Writes a file to where a volume lies. @param leavesZeros the disk is a new one, and zeros are there already */
  fill(volume: string, image: string, leavesZeros?: boolean): void;
  /** Copies a volume out of a disk that has the same layout. @param parts where the members are on it */
  cut(volume: string, disk: string, parts: readonly Part[], to: string): string;
  /** Gives the group other metadata, which LVM2 checks and writes. */
  restore(group: string, change: (text: string) => string): void;
}

/** @param parts members on the disk @param sectorBytes what it counts in */
export function lvmOn(bench: Workbench, disk: string, parts: readonly Part[], sectorBytes = 512): Lvm {
  const sectors = ['-b', String(sectorBytes)];
  const devices = parts.map(({ startBytes, lengthBytes }) =>
    bench.attach(disk, ...sectors, '-o', String(startBytes), '--sizelimit', String(lengthBytes)),
  );
  const accept = devices.map((device) => `"a|^${device}$|"`).join(',');
  const config = [
    `devices { filter=[${accept},"r|.*|"] use_devicesfile=0 hints="none" }`,
    'activation { udev_sync=0 udev_rules=0 monitoring=0 }',
    'backup { backup=0 archive=0 }',
  ].join(' ');
  const lvm = (tool: string, ...args: string[]) => run(tool, '--config', config, ...args);
  const report = <T>(tool: string, ...args: string[]) => {
    const json = lvm(tool, '--reportformat', 'json', '--units', 'b', '--nosuffix', ...args);
    return Object.values((JSON.parse(json) as { report: Record<string, T[]>[] }).report[0])[0];
  };
  const segmentsOf = (volume: string): LvmSegment[] => {
    const [group] = volume.split('/');
    const [{ vg_extent_size: extent }] = report<{ vg_extent_size: string }>('vgs', '-o', 'vg_extent_size', group);
    const starts = report<{ pv_name: string; pe_start: string }>('pvs', '-o', 'pv_name,pe_start');
    return report<{ stripe_size: string; seg_pe_ranges: string }>(
      'lvs',
      ...['--segments', '-o', 'stripe_size,seg_pe_ranges', volume],
    ).map(({ stripe_size, seg_pe_ranges }) => ({
      stripeBytes: Number(stripe_size),
      areas: [...seg_pe_ranges.matchAll(/(\S+):(\d+)-(\d+)/g)].map(([, device, first, last]) => ({
        device,
        startBytes: Number(starts.find(({ pv_name }) => pv_name === device)!.pe_start) + Number(first) * Number(extent),
        lengthBytes: (Number(last) - Number(first) + 1) * Number(extent),
      })),
    }));
  };
  /** Stripe by stripe, on the disk itself. */
  const pieces = (volume: string, on: readonly Part[]): Part[] =>
    segmentsOf(volume).flatMap(({ stripeBytes, areas }) => {
      const step = areas.length > 1 ? stripeBytes : areas[0].lengthBytes;
      const rows = Array.from({ length: areas[0].lengthBytes / step }, (_, row) => row);
      return rows.flatMap((row) =>
        areas.map(({ device, startBytes }) => ({
          startBytes: on[devices.indexOf(device)].startBytes + startBytes + row * step,
          lengthBytes: step,
        })),
      );
    });
  return Object.assign(lvm, {
    devices,
    create: (...args: string[]) => {
      lvm('lvcreate', '--driverloaded', 'n', '-an', '-Zn', '-y', ...args);
    },
    segmentsOf,
    fill(volume: string, image: string, leavesZeros = false) {
      const bytes = readFileSync(image);
      const out = openSync(disk, 'r+');
      let done = 0;
      for (const { startBytes, lengthBytes } of pieces(volume, parts)) {
        for (let from = 0; from < lengthBytes && done + from < bytes.length; from += MIB) {
          const part = bytes.subarray(done + from, done + Math.min(from + MIB, lengthBytes));
          if (!leavesZeros || !isZeros(part)) writeSync(out, part, 0, part.length, startBytes + from);
        }
        done += lengthBytes;
      }
      closeSync(out);
      if (done < statSync(image).size) throw new Error(`${image} is longer than ${volume}`);
    },
    cut(volume: string, from: string, on: readonly Part[], to: string) {
      const [input, output] = [openSync(from, 'r'), openSync(to, 'w')];
      const block = Buffer.alloc(MIB);
      let at = 0;
      for (const { startBytes, lengthBytes } of pieces(volume, on)) {
        for (let done = 0; done < lengthBytes; done += block.length) {
          const part = block.subarray(0, Math.min(block.length, lengthBytes - done));
          readSync(input, part, 0, part.length, startBytes + done);
          if (!isZeros(part)) writeSync(output, part, 0, part.length, at + done);
        }
        at += lengthBytes;
      }
      ftruncateSync(output, at);
      closeSync(input);
      closeSync(output);
      return to;
    },
    restore(group: string, change: (text: string) => string) {
      const file = bench.path('metadata.text');
      lvm('vgcfgbackup', '-f', file, group);
      writeFileSync(file, change(readFileSync(file, 'utf8')));
      runWithInput('y\n', 'vgcfgrestore', '--config', config, '--force', '-f', file, group);
    },
  });
}

const ZEROS = Buffer.alloc(MIB);
const isZeros = (bytes: Buffer) => bytes.equals(ZEROS.subarray(0, bytes.length));

/** Before a disk is read or written by others. */
export function detachAll(bench: Workbench, lvm: Lvm): void {
  for (const device of lvm.devices) bench.detach(device);
}
