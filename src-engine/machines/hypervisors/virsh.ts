/** virsh, libvirt's own program: one question, one process. */
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import { runTool } from '../../tools/run-tool.ts';

/** A daemon that answers no faster than this hangs. */
const DEADLINE_MS = 20_000;

/** Asks, and gives what virsh printed. @throws EngineError `TOOL_MISSING`, `TOOL_FAILED`, `TOOL_TIMED_OUT`, `ABORTED` */
export type Virsh = (signal: AbortSignal, ...args: string[]) => Promise<string>;

/** @param address of the daemon: 'qemu:///system' @param deadlineMs of each question */
export function virsh(address: string, deadlineMs = DEADLINE_MS): Virsh {
  return async (signal, ...args) => {
    const options = { signal, deadlineMs };
    const { stdout } = await runTool('virsh', ['--quiet', '--connect', address, ...args], options);
    return stdout.toString('utf8');
  };
}

/** What asks nothing of a machine fails where there is no daemon, or where it lets nobody in. */
export function unreachable(address: string, error: unknown): unknown {
  const { code, data } = toEngineError(error);
  if (code === 'TOOL_MISSING') return new EngineError('HYPERVISOR_MISSING', { hypervisor: 'libvirt', ...data });
  const said = { TOOL_FAILED: data.said, TOOL_TIMED_OUT: `virsh: ${data.seconds} s` }[code as string];
  return said === undefined
    ? error
    : new EngineError('HYPERVISOR_UNREACHABLE', { hypervisor: 'libvirt', address, said });
}
