/** The architecture, from the header of a program: ELF-64 object file format, e_machine. */
import { known, unknown } from '../datum.ts';
import type { GuestFiles } from '../guest-files.ts';

const MACHINES: Record<number, string> = {
  3: 'i386',
  8: 'mips',
  20: 'ppc',
  21: 'ppc64',
  22: 's390x',
  40: 'arm',
  62: 'x86_64',
  183: 'aarch64',
  243: 'riscv64',
  258: 'loongarch64',
};

export async function readElfArchitecture(files: GuestFiles) {
  for (const path of ['/bin/sh', '/sbin/init', '/usr/bin/env']) {
    const head = await files.head(path, 20);
    if (!head || head.length < 20 || head.readUInt32BE(0) !== 0x7f454c46) continue;
    const isBigEndian = head[5] === 2;
    const name = MACHINES[isBigEndian ? head.readUInt16BE(18) : head.readUInt16LE(18)];
    if (name) return known(name === 'ppc64' && !isBigEndian ? 'ppc64le' : name, path);
  }
  return unknown('/bin/sh');
}
