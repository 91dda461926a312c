/**
 * A volume group of LVM on a loop device, as a pool of a real libvirt. Where the kernel has no device mapper, LVM's programs keep the group as ever, and a
 * loop device over the extents that they name stands for each volume: a program between libvirt and LVM attaches it.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ADDRESS, startLibvirt } from './libvirt.ts';
import { startOwnLibvirt } from './own-libvirt.ts';
import { run, type Workbench } from './workbench.ts';

const hasDeviceMapper = /device-mapper/.test(readFileSync('/proc/misc', 'utf8'));
if (!hasDeviceMapper) console.warn('without a device mapper in this kernel, loop devices stand for logical volumes');

export interface VolumePool {
  readonly virsh: (...args: string[]) => string;
  /** as `virsh` takes it */
  readonly address: string;
  /** where its devices are */
  readonly devices: string;
  /** names of its volumes, as LVM says */
  volumes(): string[];
  lengthOf(volume: string): number;
}

/** @param name of the pool and of the group */
export async function startVolumePool(bench: Workbench, name: string, lengthBytes: number): Promise<VolumePool> {
  const disk = bench.attach(bench.file(`${name}.img`, lengthBytes));
  const devices = join('/dev', name);
  let address = ADDRESS;
  if (hasDeviceMapper) startLibvirt();
  else address = (await startOwnLibvirt(bench, standIn(bench))).address;
  run('vgcreate', '-q', '-s', '4m', name, disk);
  const virsh = (...args: string[]) => run('virsh', '-q', '-c', address, ...args);
  const lvs = (...args: string[]) =>
    run('lvs', '--noheadings', '--units', 'b', '--nosuffix', ...args)
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean);
  bench.atEnd(() => {
    spawnSync('virsh', ['-q', '-c', address, 'pool-destroy', `--pool=${name}`]);
    spawnSync('virsh', ['-q', '-c', address, 'pool-undefine', `--pool=${name}`]);
    if (!hasDeviceMapper) {
      for (const volume of readdirSync('/dev').includes(name) ? readdirSync(devices) : [])
        spawnSync('losetup', ['-d', readlinkSync(join(devices, volume))]);
      rmSync(devices, { recursive: true, force: true });
    }
    spawnSync('vgremove', ['-q', '-f', '-y', ...(hasDeviceMapper ? [] : ['--driverloaded', 'n']), name]);
  });
  virsh('pool-define-as', name, 'logical', '--source-name', name, '--target', devices);
  virsh('pool-start', `--pool=${name}`);
  return {
    virsh,
    address,
    devices,
    volumes: () => lvs('-o', 'lv_name', name).sort(),
    lengthOf: (volume) => Number(lvs('-o', 'lv_size', `${name}/${volume}`)[0]),
  };
}

/** @returns what has the programs of LVM, which are one file, give way to the one between */
function standIn(bench: Workbench): string[] {
  const folder = bench.path('lvm');
  mkdirSync(folder);
  const own = join(folder, 'between');
  const real = join(folder, 'lvm');
  run('cp', run('readlink', '-f', '/sbin/lvm').trim(), real);
  writeFileSync(
    own,
    `#!/bin/sh
attach() {
  set -- "$1" "$2" $(${real} lvs --noheadings --units b --nosuffix --separator ' ' -o seg_pe_ranges,vg_extent_size,lv_size "$1/$2")
  first=\${3##*:}
  start=$(${real} pvs --noheadings --units b --nosuffix -o pe_start "\${3%:*}")
  loop=$(losetup -f --show -o $((start + \${first%-*} * $4)) --sizelimit "$5" "\${3%:*}") || exit 5
  dd if=/dev/zero of="$loop" bs=4096 count=1 conv=notrunc,fsync status=none
  mkdir -p "/dev/$1"
  ln -s "$loop" "/dev/$1/$2"
}
for last; do :; done
case \${0##*/} in
  lvcreate) ${real} lvcreate --driverloaded n -an -Zn -Wn "$@" && attach "$5" "$2";;
  lvremove) losetup -d "$(readlink "$last")"; rm "$last"; exec ${real} lvremove --driverloaded n -f "\${last#/dev/}";;
  lvchange|vgchange) exit 0;;
  lvs) ${real} lvs "$@" | sed 's/-wi-XX----/-wi-a-----/';;
  lvm) exec ${real} "$@";;
  *) exec ${real} "\${0##*/}" "$@";;
esac
`,
  );
  chmodSync(own, 0o755);
  return [`mount --bind '${own}' "$(readlink -f /sbin/lvm)"`];
}
