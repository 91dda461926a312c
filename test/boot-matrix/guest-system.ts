/** A small Debian as a tar file, made of Debian's packages by mmdebstrap and kept from run to run: another recipe is another file. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** Debian 12 and 13. */
export const SUITES = ['bookworm', 'trixie'] as const;
export type Suite = (typeof SUITES)[number];

export const GUEST_FILES = join(import.meta.dirname, 'guest');

/** Guests and what they are made of. */
export const CACHE = join(homedir(), '.cache', 'diskpress-boot', 'matrix');

const MIRROR_TIMEOUT_MS = 900_000;

const PACKAGES = [
  ...['systemd-sysv', 'udev', 'linux-image-cloud-amd64', 'openssh-server', 'iproute2', 'sudo', 'zstd'],
  ...['e2fsprogs', 'xfsprogs', 'btrfs-progs', 'dosfstools', 'lvm2'],
  ...['grub-pc-bin', 'grub-efi-amd64-bin', 'grub2-common'],
];

/** Each has its network by other means. */
const MORE_PACKAGES: Record<Suite, readonly string[]> = {
  bookworm: ['ifupdown', 'isc-dhcp-client'],
  trixie: [],
};

/** What nobody reads under emulation, and would be captured and deployed each time. */
const LEFT_OUT = ['man', 'doc', 'locale', 'info'].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`);

/** What the initramfs holds has to be said before the kernel is installed: it is made once. */
const INITRAMFS = [
  'mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d"',
  'printf "%s\\n" MODULES=list COMPRESS=zstd COMPRESSLEVEL=1 >"$1/etc/initramfs-tools/conf.d/guest"',
  'printf "%s\\n" virtio_pci virtio_blk ext4 xfs btrfs dm_mod >"$1/usr/share/initramfs-tools/modules.d/guest"',
].join(' && ');

/** @returns what tells one recipe from another: a change of one of these files of `guest/`, or of what else is given, is another guest */
export function recipeOf(files: readonly string[], ...more: readonly unknown[]): string {
  const texts = files.map((name) => readFileSync(join(GUEST_FILES, name), 'utf8'));
  return createHash('sha256')
    .update(JSON.stringify([texts, ...more]))
    .digest('hex')
    .slice(0, 12);
}

const asked = new Map<Suite, Promise<string>>();

/** @returns the path of the tar; made where it is not there: root, Debian's mirror and a minute or two are needed */
export function guestSystem(suite: Suite): Promise<string> {
  const system = asked.get(suite) ?? makeSystem(suite);
  asked.set(suite, system);
  return system;
}

async function makeSystem(suite: Suite): Promise<string> {
  const packages = [...PACKAGES, ...MORE_PACKAGES[suite]];
  const files = ['setup.sh', 'answers.sh', 'boot-matrix-answers.service'];
  const tar = join(CACHE, `${suite}-${recipeOf(files, packages, LEFT_OUT, INITRAMFS)}.tar`);
  if (existsSync(tar)) return tar;
  mkdirSync(CACHE, { recursive: true });
  const file = (name: string) => `'${join(GUEST_FILES, name)}'`;
  const part = `${tar}.${process.pid}.part`;
  await exec(
    'mmdebstrap',
    [
      ...[
        '--quiet',
        '--format=tar',
        '--variant=minbase',
        '--dpkgopt=force-unsafe-io',
        '--aptopt=Apt::Install-Recommends "false"',
        ...LEFT_OUT,
      ],
      `--include=${packages.join(',')}`,
      `--essential-hook=${INITRAMFS}`,
      `--customize-hook=install -D -m 755 ${file('answers.sh')} "$1/usr/local/sbin/boot-matrix-answers"`,
      `--customize-hook=install -D -m 644 ${file('boot-matrix-answers.service')} "$1/etc/systemd/system/boot-matrix-answers.service"`,
      `--customize-hook=chroot "$1" sh -s <${file('setup.sh')}`,
      suite,
      part,
    ],
    { timeout: MIRROR_TIMEOUT_MS },
  );
  renameSync(part, tar);
  return tar;
}
