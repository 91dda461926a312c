/** VirtualBox, asked through its own program, VBoxManage: one question, one process. */
import type { Vm } from '../../contract/vm.contract.ts';
import { isPlaceName } from '../../contract/vm-place.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import { runTool } from '../../tools/run-tool.ts';
import type { Hypervisor } from './hypervisor.port.ts';
import { readMachines } from './read-machines.ts';
import { toolFault } from './tool-fault.ts';
import { unreadableVm } from './unreadable-vm.ts';
import { parseImages, parseInfo, parseList } from './virtualbox-info.ts';

/** The first question starts VirtualBox' own service. */
const DEADLINE_MS = 30_000;
const AT_ONCE = 4;
const MAX_MACHINES = 10_000;
/** Where VirtualBox finds whose machines they are: each person has their own. */
const OWN_VARIABLES = ['HOME', 'USER', 'LOGNAME', 'VBOX_USER_HOME', 'VBOX_IPC_SOCKETID', 'XDG_CONFIG_HOME'];

export function virtualBox(): Hypervisor {
  const ask = async (signal: AbortSignal, ...args: string[]) => {
    const env = Object.fromEntries(OWN_VARIABLES.flatMap((key) => (process.env[key] ? [[key, process.env[key]]] : [])));
    // its service goes on after it, and starts machines with rights that a bound program could not pass on
    const options = { signal, deadlineMs: DEADLINE_MS, env, isBound: false };
    return (await runTool('VBoxManage', ['--nologo', ...args], options)).stdout.toString('utf8');
  };

  /** Names by UUID. */
  const all = async (signal: AbortSignal) => {
    const text = await ask(signal, 'list', 'vms').catch((error) => {
      // Debian itself does not have it
      throw toolFault(error, 'VirtualBox', 'VBoxManage', 'VBoxManage', { page: 'https://www.virtualbox.org' });
    });
    return [...parseList(text)].slice(0, MAX_MACHINES);
  };

  const look = async (id: string, name: string, signal: AbortSignal): Promise<Vm> => {
    const { definition, state } = parseInfo(await ask(signal, 'showvminfo', id, '--machinereadable'));
    const own = definition.name || name;
    return { ...definition, name: own, id: definition.id || id, place: placeOf(own, id), hypervisor: 'vbox', state };
  };

  return {
    kind: 'vbox',
    address: '',
    async list(signal) {
      const lookOrName = ([id, name]: [string, string]) =>
        look(id, name, signal).catch((error) => {
          // one whose files are gone is still registered
          if (toEngineError(error).code !== 'TOOL_FAILED') throw error;
          return unreadableVm('vbox', placeOf(name, id), name, id);
        });
      return readMachines(await all(signal), AT_ONCE, signal, (some) => Promise.all(some.map(lookOrName)));
    },

    async show(name, signal) {
      const found = (await all(signal)).find(([id, own]) => own === name || id === name.toLowerCase());
      if (!found) throw new EngineError('VM_NOT_FOUND', { place: `vbox:${name}` });
      return look(...found, signal);
    },

    async images(signal) {
      return parseImages(await ask(signal, 'list', 'hdds'));
    },
  };
}

/** Machines whose files are gone share a name that is none. */
const placeOf = (name: string, id: string) =>
  `vbox:${/^<inaccessible!?>$/.test(name) || !isPlaceName(name) ? id : name}`;
