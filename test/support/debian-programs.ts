/**
 * Programs of Debian's packages that are not installed, since they would start services or change this machine's network: the packages are
 * taken apart into a folder, kept for the next time, and the programs run from there.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const CACHE = join(homedir(), '.cache', 'diskpress-lab');

export interface DebianPrograms {
  /** the folder that stands for '/' */
  readonly root: string;
  /** for programs that need the libraries beside them */
  readonly env: NodeJS.ProcessEnv;
}

/** @returns null where there is no Debian, or no mirror */
export function debianPrograms(packages: readonly string[]): DebianPrograms | null {
  const root = join(CACHE, `programs-${packages.join('-')}`);
  if (!existsSync(root)) {
    if (!existsSync('/usr/bin/apt-get')) return null;
    mkdirSync(CACHE, { recursive: true });
    const work = mkdtempSync(join(CACHE, 'part-'));
    try {
      execFileSync('apt-get', ['-qq', 'download', ...packages], { cwd: work, stdio: 'pipe', timeout: 120_000 });
      for (const file of readdirSync(work))
        execFileSync('dpkg-deb', ['-x', join(work, file), join(work, 'root')], { stdio: 'pipe' });
      if (!existsSync(root)) renameSync(join(work, 'root'), root);
    } catch {
      return null;
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  const libraries = join(root, 'usr/lib/x86_64-linux-gnu');
  return {
    root,
    env: { ...process.env, LD_LIBRARY_PATH: `${libraries}:${libraries}/sudo:${join(root, 'usr/libexec/sudo')}` },
  };
}
