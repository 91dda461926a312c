/**
 * What is run inside a guest to make its first file systems anew: a shell script for whatever shell it has, as its first program. Programs
 * and options: update-initramfs(8), dracut(8), mkinitrd(8) of CentOS 5.
 */
import type { DriverMaking } from '../../contract/drivers.contract.ts';
import type { GuestFiles } from '../../guest/guest-files.ts';

const PROGRAMS: readonly [DriverMaking['way'], readonly string[]][] = [
  ['initramfs-tools', ['/usr/sbin/update-initramfs', '/sbin/update-initramfs']],
  ['dracut', ['/usr/bin/dracut', '/sbin/dracut', '/usr/sbin/dracut']],
  ['mkinitrd', ['/sbin/mkinitrd', '/usr/sbin/mkinitrd']],
];

/** What mkinitrd is to add: it fails for a module that its kernel does not have, so each is asked for first. */
const MODULES = [
  ...['virtio_pci', 'virtio_blk', 'ahci', 'ata_piix', 'sd_mod', 'mptspi', 'mptsas', 'sym53c8xx', 'megaraid_sas'],
  ...['mpt2sas', 'usb-storage', 'xen-blkfront'],
];

/** A change that stays: a list of modules would lack them again with the next kernel. */
export const KEPT_SETTING = '/etc/initramfs-tools/conf.d/zz-diskpress';

/** @returns null where it has none that is known */
export async function wayOf(files: GuestFiles): Promise<DriverMaking['way'] | null> {
  for (const [way, programs] of PROGRAMS) if ((await files.firstOf(programs)) !== null) return way;
  return null;
}

/** @returns the script; it gives back each file by `give`, which whoever runs it defines */
export function driverScript({ way, kernels }: Pick<DriverMaking, 'way' | 'kernels'>): string {
  const lines = kernels.map(({ version, firstFile }) => {
    const made = {
      'initramfs-tools': `update-initramfs -u -k '${version}' || update-initramfs -c -k '${version}'`,
      dracut: `dracut --force --no-hostonly '${firstFile}' '${version}' || dracut -f '${firstFile}' '${version}'`,
      mkinitrd: `mkinitrd -f $with '${firstFile}' '${version}'`,
    }[way];
    const modules = `with=; for m in ${MODULES.join(' ')}; do modinfo -k '${version}' $m >/dev/null 2>&1 && with="$with --with=$m"; done`;
    const sums = `/var/lib/initramfs-tools/${version}`;
    return [
      ...(way === 'mkinitrd' ? [modules] : []),
      `{ ${made}; } || exit 1`,
      `give '${firstFile}' || exit 1`,
      ...(way === 'initramfs-tools' ? [`if [ -f '${sums}' ]; then give '${sums}' || exit 1; fi`] : []),
    ].join('\n');
  });
  const setting = way === 'initramfs-tools' ? [`echo MODULES=most > ${KEPT_SETTING} || exit 1`] : [];
  return [...setting, ...lines, ''].join('\n');
}
