/** Machines of one hypervisor, as a list shows them. */
import type { Vm } from '../../contract/vm.contract.ts';

/**
 * Reads them some at a time.
 * @param atOnce how many @param read null: one that went away meanwhile
 * @returns in natural order of their names
 * @throws EngineError `ABORTED`; whatever `read` throws
 */
export async function readMachines<T>(
  all: readonly T[],
  atOnce: number,
  signal: AbortSignal,
  read: (some: readonly T[]) => Promise<readonly (Vm | null)[]>,
): Promise<Vm[]> {
  const machines: Vm[] = [];
  for (let i = 0; i < all.length; i += atOnce) {
    signal.throwIfAborted();
    for (const machine of await read(all.slice(i, i + atOnce))) if (machine) machines.push(machine);
  }
  return inNaturalOrder(machines);
}

export const inNaturalOrder = (machines: Vm[]): Vm[] =>
  machines.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
