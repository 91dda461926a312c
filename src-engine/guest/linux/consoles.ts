/** Where a Linux system's kernel writes its messages, as boot loaders tell it: `console=` of Linux, Documentation/admin-guide/serial-console.rst. */
import type { GuestFiles } from '../guest-files.ts';

const CONFIGURATIONS = [
  '/boot/grub/grub.cfg',
  '/boot/grub2/grub.cfg',
  '/boot/grub/grub.conf',
  '/boot/grub/menu.lst',
  '/etc/kernel/cmdline',
  '/boot/extlinux/extlinux.conf',
];
const ENTRIES = '/boot/loader/entries';
const MAX_ENTRIES = 50;

/** @returns names such as `ttyS0` and `tty0`, in the order in which they stand; null where no boot loader's configuration was found */
export async function consolesOf(files: GuestFiles): Promise<string[] | null> {
  const entries = (await files.names(ENTRIES)).slice(0, MAX_ENTRIES).map((name) => `${ENTRIES}/${name}`);
  let found: Set<string> | null = null;
  for (const path of [...CONFIGURATIONS, ...entries]) {
    const text = await files.text(path);
    if (text === null) continue;
    found ??= new Set();
    for (const [, name] of text.matchAll(/(?:^|[\s"'])console=([a-zA-Z]{1,20}\d{0,3})/gm)) found.add(name);
  }
  return found && [...found];
}
