/**
 * A real system from Debian's packages, in one file system, built once and kept beside the golden disk of the boot tests:
 * for what phony guests cannot show, that real ones are told too.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { canLoop, MIB, run, type Workbench } from './workbench.ts';

const exec = promisify(execFile);

export const GUEST_CACHE = join(homedir(), '.cache', 'diskpress-lab');
const BUILD_TIMEOUT_MS = 150_000;
const PROBE_TIMEOUT_S = '10';
const MIRROR = 'http://deb.debian.org/debian';
const PACKAGES = 'linux-image-cloud-amd64,systemd-sysv,openssh-server,ifupdown';
const LEFT_OUT = ['doc', 'locale', 'man'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);

/** @returns the path of an ext4 image, or why there is none */
export async function realGuest(bench: Workbench, suite: string): Promise<{ image: string } | { missing: string }> {
  const image = join(GUEST_CACHE, `guest-${suite}.img`);
  if (existsSync(image)) return { image };
  if (!canLoop) return { missing: 'mounting needs Linux and root' };
  const tar = bench.path(`${suite}.tar`);
  try {
    await exec('curl', ['-sSfI', '--max-time', PROBE_TIMEOUT_S, `${MIRROR}/dists/${suite}/Release`]);
    const options = ['--quiet', '--format=tar', '--variant=minbase', `--include=${PACKAGES}`, ...LEFT_OUT];
    await exec('mmdebstrap', [...options, suite, tar, MIRROR], { timeout: BUILD_TIMEOUT_MS });
  } catch (error) {
    return { missing: `${suite} cannot be built from ${MIRROR}: ${(error as Error).message.slice(0, 300)}` };
  }
  mkdirSync(GUEST_CACHE, { recursive: true });
  const part = `${image}.${process.pid}.part`;
  writeFileSync(part, '');
  truncateSync(part, 1024 * MIB);
  run('mkfs.ext4', '-q', '-F', '-L', suite, part);
  const point = bench.mount(part, 'loop');
  run('tar', '-xpf', tar, '-C', point);
  bench.unmount(point);
  rmSync(tar);
  renameSync(part, image);
  return { image };
}
