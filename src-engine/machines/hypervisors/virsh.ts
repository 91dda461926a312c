/** virsh, libvirt's own program: one question, one process. */
import { randomUUID } from 'node:crypto';
import { writeSshHost, type SshHost } from '../../contract/vm-place.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import { runTool } from '../../tools/run-tool.ts';
import { sshEnvironment, sshFault } from './ssh.ts';

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

/** What asks nothing of a machine fails where there is no daemon, where it lets nobody in, or where its host cannot be reached. */
export function unreachable(address: string, host: SshHost | null, error: unknown): unknown {
  const { code, data } = toEngineError(error);
  if (code === 'TOOL_MISSING') return new EngineError('HYPERVISOR_MISSING', { hypervisor: 'libvirt', ...data });
  if (host && code === 'TOOL_TIMED_OUT')
    return new EngineError('HOST_UNREACHABLE', { host: writeSshHost(host), said: `ssh: ${data.seconds} s` });
  const said = { TOOL_FAILED: data.said, TOOL_TIMED_OUT: `virsh: ${data.seconds} s` }[code as string];
  if (said === undefined) return error;
  const fault = host && sshFault(host, String(said));
  return fault ?? new EngineError('HYPERVISOR_UNREACHABLE', { hypervisor: 'libvirt', address, said });
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
    const reason = new EngineError('TOOL_FAILED', { tool: 'virsh', exitCode, said: complaint.slice(-500) });
    return { status: 'rejected', reason };
  });
}
