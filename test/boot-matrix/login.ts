/** Somebody logs in to a guest with their key, through its own network and its own SSH server. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** Emulated processors take long for a handshake. */
const CONNECT_SECONDS = 120;

export interface Login {
  /** what the guest says that they are: their name, `hostname`, their groups, and who they are by sudo(8), with their password */
  readonly lines: readonly string[];
  /** the key that the server proved to have: type and base64 */
  readonly hostKey: string;
}

/** @throws Error of ssh */
export async function logIn(port: number, user: string, key: string, password: string): Promise<Login> {
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-boot-'));
  const known = join(folder, 'known');
  const options = {
    BatchMode: 'yes',
    ConnectTimeout: String(CONNECT_SECONDS),
    HashKnownHosts: 'no',
    IdentitiesOnly: 'yes',
    PreferredAuthentications: 'publickey',
    StrictHostKeyChecking: 'accept-new',
    UserKnownHostsFile: known,
  };
  const all = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const ask = `id -un; hostname; id -nG; echo '${password}' | sudo -S -p '' id -un || true`;
  try {
    const { stdout } = await exec(
      'ssh',
      ['-F', 'none', '-i', key, ...all, '-p', String(port), `${user}@127.0.0.1`, ask],
      { timeout: 2 * CONNECT_SECONDS * 1000 },
    );
    const hostKey = readFileSync(known, 'utf8').trim().split(' ').slice(1, 3).join(' ');
    return { lines: stdout.trim().split('\n'), hostKey };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
