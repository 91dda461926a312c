/** virsh, libvirt's own program: one question, one process. */
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
