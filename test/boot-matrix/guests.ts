/** Golden disks: a Debian in a layout, on a disk with sectors of a size. Made once, kept from run to run, and changed by nobody. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installGrubForBios } from '../boot/grub-for-bios.ts';
import { MIB, run } from '../support/workbench.ts';
import { partsOf, type Answers } from './answers.ts';
import { CACHE, GUEST_FILES, guestSystem, recipeOf, type Suite } from './guest-system.ts';

const exec = promisify(execFile);

/** `logical`: an MBR with its root and its swap in logical partitions; the others have a GPT. `xfs` has no loader for firmware without an entry of it. */
export const LAYOUTS = ['ext4', 'xfs', 'btrfs', 'lvm', 'logical'] as const;
export type Layout = (typeof LAYOUTS)[number];

export const SECTOR_BYTES = [512, 4096] as const;

export interface GuestKind {
  readonly layout: Layout;
  readonly suite: Suite;
  readonly sectorBytes: (typeof SECTOR_BYTES)[number];
}

export interface Guest extends GuestKind {
  readonly name: string;
  /** an image file */
  readonly disk: string;
  /** what it is known by, as blkid and its own files said when it was made */
  readonly record: Answers;
}

export const GUEST_BYTES = 1536 * MIB;
/** Who may log in to the guest as it was made. */
export const GUEST_USER = 'tess';

const BUILD_TIMEOUT_MS = 600_000;

/** @returns the private key's file: of {@link GUEST_USER}, and of whom a deploy puts in */
export function guestKey(): string {
  const key = join(CACHE, 'key');
  if (!existsSync(key)) run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'boot-matrix', '-f', key);
  return key;
}

export const nameOf = ({ layout, suite, sectorBytes }: GuestKind): string =>
  `${suite}-${layout}${sectorBytes === 512 ? '' : `-${sectorBytes}`}`;

/** @returns the guest, made where it is not there */
export async function guestOf(kind: GuestKind): Promise<Guest> {
  const system = await guestSystem(kind.suite);
  const key = `${guestKey()}.pub`;
  const name = nameOf(kind);
  const recipe = recipeOf(['make-guest.sh'], kind, system, GUEST_BYTES, readFileSync(key, 'utf8'));
  const disk = join(CACHE, `${name}-${recipe}.img`);
  const record = `${disk}.record`;
  if (!existsSync(disk)) {
    const part = `${disk}.${process.pid}.part`;
    const made = [part, String(GUEST_BYTES / MIB), String(kind.sectorBytes), key, record];
    const script = join(GUEST_FILES, 'make-guest.sh');
    await exec('unshare', ['--mount', '--fork', '--kill-child', 'bash', script, system, kind.layout, ...made], {
      timeout: BUILD_TIMEOUT_MS,
    });
    const [boot, core] = [`${part}.boot.img`, `${part}.core.img`];
    if (kind.sectorBytes === 512) {
      installGrubForBios(part, readFileSync(boot), readFileSync(core), kind.layout === 'logical' ? 1 : MIB / 512);
    }
    for (const path of [boot, core]) rmSync(path);
    renameSync(part, disk);
  }
  return { ...kind, name, disk, record: partsOf(readFileSync(record, 'utf8')) };
}
