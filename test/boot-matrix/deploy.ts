/** Templates are captured and deployed by the command line, as a person does it. */
import { execFile } from 'node:child_process';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { commandLine, lastLine, type Ended } from '../support/command-line.ts';
import { run } from '../support/workbench.ts';
import { LENGTHS, type Combination } from './combinations.ts';
import { GUEST_USER, guestKey, nameOf, type Guest } from './guests.ts';

const exec = promisify(execFile);

/** What a deployed machine is to be. */
export interface Expected {
  readonly hostName: string;
  readonly address: string;
  readonly user: string;
}

export const USER = 'ada';
export const PASSWORD = 'deployed';
/** Of the network inside QEMU: the first address that it gives by DHCP, and its way out, which leads nowhere. */
const DHCP_ADDRESS = '10.0.2.15';
const GATEWAY = '10.0.2.2';

export function expectedOf({ number, isExact }: Combination): Expected {
  if (isExact) return { hostName: 'golden', address: DHCP_ADDRESS, user: GUEST_USER };
  return { hostName: `lab-${String(number).padStart(2, '0')}`, address: `10.0.2.${20 + number}`, user: USER };
}

/** What the plan said of the old identity, of which not everything may be renewed. */
export interface Deployed {
  readonly seconds: number;
  readonly keptThings: readonly string[];
}

export class CommandLine {
  readonly #run: ReturnType<typeof commandLine>;

  readonly #password: string;

  /** @param folder gets the catalog, and the file with the password of {@link USER} */
  constructor(folder: string) {
    this.#run = commandLine(join(folder, 'catalog'));
    this.#password = join(folder, 'password');
    writeFileSync(this.#password, `${PASSWORD}\n`, { mode: 0o600 });
  }

  async capture(guest: Guest): Promise<void> {
    said(await this.#run('--json', 'capture', guest.disk, '--name', guest.name));
  }

  /** @param target a path where nothing is yet @throws Error with the command line's own words, where it refused or failed */
  async deploy(combination: Combination, target: string): Promise<Deployed> {
    const { guest, length, identity, sectorBytes, isExact } = combination;
    const { hostName, address } = expectedOf(combination);
    const inside = ['--identity', identity === 'fresh' ? 'fresh' : 'keep', ...this.#settings(hostName, address)];
    const options = isExact ? ['--exact'] : inside;
    const bytes = LENGTHS[length];
    // a file has the sectors of its template; a device has its own
    if (sectorBytes === 512 && guest.sectorBytes === 512)
      return this.#deploy(nameOf(guest), [target], ['--size', String(bytes), ...options]);
    writeFileSync(target, '');
    truncateSync(target, bytes);
    const device = run('losetup', '-f', '--show', '--sector-size', String(sectorBytes), target).trim();
    try {
      return await this.#deploy(nameOf(guest), [device], ['--confirm', device, ...options]);
    } finally {
      await exec('losetup', ['-d', device]);
    }
  }

  /** Two machines of one template, by one command. */
  deployTwo(guest: Guest, targets: readonly [string, string]): Promise<Deployed> {
    return this.#deploy(guest.name, targets, ['--identity', 'fresh', ...this.#settings('twin-{n:02}', '10.0.2.201')]);
  }

  #settings(hostName: string, address: string): string[] {
    const network = `eth0=${address}/24,gateway=${GATEWAY}`;
    return [
      ...['--hostname', hostName, '--network', network],
      ...['--user', USER, '--password-file', this.#password, '--ssh-key', `${guestKey()}.pub`, '--groups', 'sudo'],
    ];
  }

  async #deploy(template: string, targets: readonly string[], options: readonly string[]): Promise<Deployed> {
    const startedMs = performance.now();
    const ended = await this.#run('--json', 'deploy', template, ...targets, ...options);
    try {
      said(ended);
    } catch (error) {
      for (const target of targets) if (!target.startsWith('/dev/')) rmSync(target, { force: true });
      throw error;
    }
    const lines = ended.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const plans = lines.filter(({ event }) => event === 'deploy-plan');
    const kept = plans.flatMap(({ value }) => value.checks).filter(({ code }) => code === 'IDENTITY_KEPT');
    return {
      seconds: Math.round((performance.now() - startedMs) / 1000),
      keptThings: [...new Set<string>(kept.map(({ data }) => data.setting))],
    };
  }
}

/** @throws Error with what the command line said, where it did not succeed */
function said(ended: Ended): void {
  if (ended.code === 0) return;
  const { error } = lastLine(ended);
  throw new Error(`${error.code} ${error.message} ${JSON.stringify(error.data ?? {}).slice(0, 600)}`);
}
