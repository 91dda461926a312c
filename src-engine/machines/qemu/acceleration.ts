/**
 * Whether hardware acceleration can be trusted with a guest. That its device is there says little: on machines that are virtual themselves
 * guests may hang in it. A ROM of a few instructions is run in it and must come to its end in time.
 */
import { constants } from 'node:fs';
import { access, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnTool } from '../../tools/spawn-tool.ts';
import { makeEnterable, runtimeFolder } from '../runtime-folder.ts';
import { makeScratchFolder } from './scratch-folder.ts';

/** `probe.s`, assembled: real and protected mode in turn, then long mode; a letter on the serial port for each. */
const PROBE = Buffer.from(
  `+vyMyI7YMcCO0LwAcLBS6FMAuwMADwEWEAEPIMAMAQ8iwGbqKgAPAAgAZrgQAI7YjsCO0Ga6+AOwUO5mS3Qr6kYAAAAgAA8gwCT+
DyLA6lMAAPCMyI7YMcCO0LwAcLBy6AIA67C6+APuw7wAcAAAvwAQAAAxwLkAEAAA86vHBQAQAAADIAAAxwUAIAAAAzAAAL8AMAAA
uIMAAAC5AAIAAIkHBQAAIACDxwji9A8g4IPIIA8i4LgAEAAADyLYuYAAAMAPMg0AAQAADzAPIMANAAAAgA8iwOrdAA8AGABmuvgD
sEzu9Ov9kAAAAAAAAAAA//8AAACazwD//wAAAJLPAP//AAAAmq8A//8AAA+aAAAnAOgADwA=`,
  'base64',
);
/** the letters that it writes */
const SAYS = 'RPrPrPL';
const ROM_BYTES = 65_536;
/** where a processor begins, relative to the end of the ROM: a jump to its beginning */
const RESET_OFFSET = ROM_BYTES - 16;
const JUMP_TO_START = [0xea, 0x00, 0x00, 0x00, 0xf0];

/** Starting QEMU takes most of it. */
const PROBE_MS = 6_000;

const DEVICE = '/dev/kvm';

/** A machine under load may have been too slow to say that it works. */
const DOUBT_MS = 60 * 60 * 1000;

let known: Promise<boolean> | null = null;

/** Asked once for each boot of this machine: whether it works does not change while it runs. */
export function isAccelerated(): Promise<boolean> {
  return (known ??= canUse().then((can) => can && remembered(runtimeFolder(), () => probe('kvm'))));
}

/**
 * What was found out since this machine was started, by whichever process; that it does not work is found out anew from time to time.
 * @param folder gone with this boot, and written to by nobody else; null: nothing is remembered
 */
export async function remembered(folder: string | null, ask: () => Promise<boolean>): Promise<boolean> {
  if (folder === null) return ask();
  const path = join(folder, 'acceleration');
  const said = await readFile(path, 'latin1').catch(() => '');
  if (said === 'works') return true;
  if (said === 'hangs' && Date.now() - (await stat(path)).mtimeMs < DOUBT_MS) return false;
  const works = await ask();
  const keep = async () => {
    makeEnterable(folder);
    await writeFile(path, works ? 'works' : 'hangs', { mode: 0o600 });
  };
  // it is found out again, that is all
  await keep().catch(() => {});
  return works;
}

async function canUse(): Promise<boolean> {
  return access(DEVICE, constants.R_OK | constants.W_OK).then(
    () => process.arch === 'x64',
    () => false,
  );
}

/** @returns whether the probe came to its end; false where there is no QEMU, or no room for a few files */
export async function probe(accelerator: 'kvm' | 'tcg'): Promise<boolean> {
  const scratch = await makeScratchFolder(false).catch(() => null);
  if (scratch === null) return false;
  try {
    const rom = Buffer.alloc(ROM_BYTES, 0xf4);
    PROBE.copy(rom);
    rom.set(JUMP_TO_START, RESET_OFFSET);
    const path = join(scratch.path, 'probe.rom');
    await writeFile(path, rom);
    return await said(accelerator, path);
  } finally {
    await scratch.remove();
  }
}

async function said(accelerator: string, rom: string): Promise<boolean> {
  const options = { stdio: ['ignore', 'pipe', 'ignore'] as ('ignore' | 'pipe')[], isBound: true };
  const machine = ['-nodefaults', '-no-user-config', '-machine', 'pc', '-accel', accelerator, '-m', '16', '-bios', rom];
  const outputs = ['-display', 'none', '-nic', 'none', '-chardev', 'stdio,id=c,signal=off', '-serial', 'chardev:c'];
  let spawned;
  try {
    spawned = spawnTool('qemu-system-x86_64', [...machine, ...outputs], options);
  } catch {
    return false;
  }
  const { child, kill } = spawned;
  const stopWaiting = new AbortController();
  const heard = new Promise<boolean>((resolve) => {
    let text = '';
    child.stdout!.setEncoding('latin1').on('data', (piece: string) => {
      text = (text + piece).slice(-SAYS.length);
      if (text === SAYS) resolve(true);
    });
    child.once('close', () => resolve(false)).once('error', () => resolve(false));
  });
  const late = sleep(PROBE_MS, false, { signal: stopWaiting.signal }).catch(() => false);
  try {
    return await Promise.race([heard, late]);
  } finally {
    stopWaiting.abort();
    kill();
  }
}
