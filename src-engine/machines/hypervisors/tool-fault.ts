/** What it means for a hypervisor that its own program cannot be asked. */
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import type { MessageData } from '../../contract/errors.ts';

/**
 * Of a question about no machine in particular: it fails where the hypervisor is not there, or lets nobody in.
 * @param address where it was asked, in its own words @param program it was asked with @param about where it comes from
 * @returns EngineError `HYPERVISOR_MISSING`, `HYPERVISOR_UNREACHABLE`; what is neither, as it was
 */
export function toolFault(
  error: unknown,
  hypervisor: string,
  address: string,
  program: string,
  about: MessageData = {},
): unknown {
  const { code, data } = toEngineError(error);
  if (code === 'TOOL_MISSING') return new EngineError('HYPERVISOR_MISSING', { hypervisor, ...data, ...about });
  if (code === 'TOOL_FAILED')
    return new EngineError('HYPERVISOR_UNREACHABLE', { hypervisor, address, said: data.said });
  if (code !== 'TOOL_TIMED_OUT') return error;
  return new EngineError('HYPERVISOR_UNREACHABLE', { hypervisor, address, said: `${program}: ${data.seconds} s` });
}
