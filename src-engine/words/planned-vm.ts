/** What a new machine is made of, and where each part of that comes from, for pages and the command line. */
import type { PlannedVm } from '../contract/new-vm.contract.ts';

type Say = (key: string, data?: Record<string, string>) => string;

/** @param recorded 'network default', 'bridge br0', 'user'; anything else is told as it is */
function networkName(recorded: string, say: Say): string {
  const [, kind, name = ''] = /^(network|bridge) (.+)$/.exec(recorded) ?? [];
  if (kind) return say(`vm.network.${kind}`, { name });
  return recorded === 'user' ? say('vm.network.user') : recorded;
}

/** @param bytes a length in words @returns rows of a name and a value */
export function plannedVmNotes({ notes }: PlannedVm, say: Say, bytes: (count: number) => string): [string, string][] {
  return notes.map(({ field, from, value, recorded }) => {
    const shown = (text: string) => {
      if (field === 'memory') return bytes(Number(text));
      if (field === 'network') return networkName(text, say);
      return field === 'firmware' ? say(`firmware.${text}`) : text;
    };
    const origin = say(`vmNote.from.${from}`);
    const isOther = recorded !== null && recorded !== value && from !== 'recorded';
    const data = { value: shown(value), from: origin, recorded: recorded === null ? '' : shown(recorded) };
    return [say(`vmNote.field.${field}`), say(isOther ? 'vmNote.valueOf' : 'vmNote.value', data)];
  });
}
