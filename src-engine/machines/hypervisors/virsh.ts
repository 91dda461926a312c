/** virsh, libvirt's own program: one question, one process. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSshHost, type SshHost } from '../../contract/vm-place.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import { inOneLine, runTool } from '../../tools/run-tool.ts';
import { sshEnvironment, sshFault } from './ssh.ts';
import { toolFault } from './tool-fault.ts';

/** A daemon that answers no faster than this hangs. */
const DEADLINE_MS = 20_000;

/** Asks, and gives what virsh printed. @throws EngineError `TOOL_MISSING`, `TOOL_FAILED`, `TOOL_TIMED_OUT`, `ABORTED` */
export type Virsh = (signal: AbortSignal, ...args: string[]) => Promise<string>;

/** @param address of the daemon: 'qemu:///system' @param host another machine that it is on; null: this one @param deadlineMs of each question */
export function virsh(address: string, host: SshHost | null = null, deadlineMs = DEADLINE_MS): Virsh {
  return async (signal, ...args) => {
    const options = { signal, deadlineMs, ...(host && { env: sshEnvironment() }) };
    const { stdout } = await runTool('virsh', ['--quiet', '--connect', address, ...args], options);
    return stdout.toString('utf8');
  };
}

/**
 * Whether the daemon has a machine, and it is among those that are listed.
 * @param id its UUID @param which `virsh list` tells by itself of those that run: '--all', '--persistent'
 * @throws EngineError as {@link Virsh}
 */
export async function isListed(ask: Virsh, id: string, signal: AbortSignal, ...which: string[]): Promise<boolean> {
  return (await ask(signal, 'list', '--uuid', ...which)).split(/\s+/).includes(id);
}

/** What virsh is to read from files: virsh itself reads them, not the daemon, so nobody else needs to. They are gone afterwards. */
export async function inFiles(
  texts: readonly string[],
  use: (paths: readonly string[]) => Promise<unknown>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'diskpress-'));
  try {
    const paths = texts.map((_, i) => join(folder, `${i}.xml`));
    for (const [i, path] of paths.entries()) await writeFile(path, texts[i]);
    await use(paths);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What asks nothing of a machine fails where there is no daemon, where it lets nobody in, or where its host cannot be reached. */
export function unreachable(address: string, host: SshHost | null, error: unknown): unknown {
  const { code, data } = toEngineError(error);
  if (host && code === 'TOOL_TIMED_OUT')
    return new EngineError('HOST_UNREACHABLE', { host: writeSshHost(host), said: `ssh: ${data.seconds} s` });
  const ofHost = host && code === 'TOOL_FAILED' ? sshFault(host, String(data.said)) : null;
  return ofHost ?? toolFault(error, 'libvirt', address, 'virsh');
}

/**
 * Asks several things; of another host in one process, since connecting takes longer than asking.
 * @param commands of words without blanks and quotation marks
 * @returns what came of each: what it said, or the error as of {@link Virsh}
 */
export async function askSeveral(
  address: string,
  host: SshHost | null,
  signal: AbortSignal,
  commands: readonly (readonly string[])[],
): Promise<PromiseSettledResult<string>[]> {
  const ask = virsh(address, host);
  if (!host) return Promise.allSettled(commands.map((words) => ask(signal, ...words)));
  // names of machines are anything: nobody can have guessed these
  const [mark, failed] = [randomUUID(), randomUUID()];
  const script = commands.map((words) => `${words.join(' ')}; echo ${mark}; echo --err ${failed}`).join('; ');
  const options = { signal, deadlineMs: DEADLINE_MS, env: sshEnvironment() };
  const [asked] = await Promise.allSettled([runTool('virsh', ['--quiet', '--connect', address, script], options)]);
  if (asked.status === 'rejected') return commands.map(() => asked);
  const { stdout, stderr, exitCode } = asked.value;
  const complaints = stderr.toString('utf8').split(`error: ${failed}`);
  const said = stdout.toString('utf8').split(mark);
  return commands.map((_, i) => {
    const complaint = complaints[i]?.trim() ?? '';
    if (i < said.length - 1 && !complaint.includes('error:')) return { status: 'fulfilled', value: said[i] };
    const reason = new EngineError('TOOL_FAILED', { tool: 'virsh', exitCode, said: inOneLine(complaint, -5) });
    return { status: 'rejected', reason };
  });
}
