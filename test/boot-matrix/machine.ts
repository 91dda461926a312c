/** A disk started in QEMU without acceleration, behind a network that ends in QEMU: only its SSH port can be reached, from here alone. */
import { spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { partsOf, type Answers } from './answers.ts';

export interface MachineOptions {
  readonly firmware: 'bios' | 'uefi';
  readonly sectorBytes: number;
  /** where its SSH server is, as the guest knows itself */
  readonly address: string;
  /** the last number of its card's MAC */
  readonly card: number;
  readonly timeoutMs: number;
}

export interface RunningMachine {
  readonly answers: Answers;
  readonly seconds: number;
  /** of QEMU, on all of its threads */
  readonly processorSeconds: number;
  /** on this machine's loopback */
  readonly sshPort: number;
  stop(): Promise<void>;
}

/** Who waits for a person who is not there: GRUB, UEFI's shell, an initramfs, systemd; and a kernel that gave up. */
const STUCK =
  /(?:^|\n)(?:grub(?: rescue)?>|Shell>|\(initramfs\)|.*You are in emergency mode|.*Kernel panic - not syncing)/;

const FIRMWARE = '/usr/share/OVMF/OVMF_CODE_4M.fd';
const VARIABLES = '/usr/share/OVMF/OVMF_VARS_4M.fd';

/** A kernel measures the timer against the processor's clock: emulated on a machine with too much to do, it may find none that works. */
const STARVED = /IO-APIC \+ timer doesn't work/;
const MAX_STARTS = 3;

/** @param disk stays as it is: what the guest writes is thrown away @throws Error with the end of the console, where no answers came in time */
export async function startMachine(disk: string, options: MachineOptions): Promise<RunningMachine> {
  for (let starts = 1; ; starts++) {
    try {
      return await startOnce(disk, options);
    } catch (error) {
      if (starts === MAX_STARTS || !STARVED.test((error as Error).message)) throw error;
    }
  }
}

async function startOnce(disk: string, options: MachineOptions): Promise<RunningMachine> {
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-boot-'));
  const [screen, said] = [join(folder, 'console'), join(folder, 'answers')];
  const sshPort = await freePort();
  const startedMs = performance.now();
  const machine = spawn('qemu-system-x86_64', argumentsOf(disk, options, folder, screen, said, sshPort), {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaints = '';
  machine.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  const stop = async () => {
    await ended(machine);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (;;) {
      const text = existsSync(said) ? readFileSync(said, 'utf8') : '';
      if (/^=== end\r?$/m.test(text)) {
        const seconds = Math.round((performance.now() - startedMs) / 1000);
        return { answers: partsOf(text), seconds, processorSeconds: processorSeconds(machine.pid!), sshPort, stop };
      }
      const end = existsSync(screen) ? plain(readFileSync(screen, 'utf8')).trim().slice(-600) : '';
      if (STUCK.test(end)) throw new Error(`it did not come up: ${end}`);
      if (machine.exitCode !== null) throw new Error(`the machine ended: ${complaints || end}`);
      if (performance.now() - startedMs > options.timeoutMs) throw new Error(`it did not come up: ${end}`);
      await sleep(200);
    }
  } catch (error) {
    await stop();
    throw error;
  }
}

function argumentsOf(
  disk: string,
  { firmware, sectorBytes, address, card }: MachineOptions,
  folder: string,
  screen: string,
  said: string,
  sshPort: number,
): string[] {
  const variables = join(folder, 'variables.fd');
  if (firmware === 'uefi') copyFileSync(VARIABLES, variables);
  const uefi = [
    ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${FIRMWARE}`],
    ...['-drive', `if=pflash,unit=1,format=raw,file=${variables}`],
  ];
  return [
    // a plain processor: what more it can do costs time to emulate
    ...['-nodefaults', '-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'qemu64', '-smp', '1', '-m', '512'],
    ...['-display', 'none', '-no-reboot', ...(firmware === 'uefi' ? uefi : [])],
    ...['-drive', `if=none,id=disk,format=raw,snapshot=on,cache=unsafe,file=${disk}`],
    ...[
      '-device',
      `virtio-blk-pci,drive=disk,bootindex=0,logical_block_size=${sectorBytes},physical_block_size=${sectorBytes}`,
    ],
    ...['-device', 'virtio-rng-pci', '-serial', `file:${screen}`, '-serial', `file:${said}`],
    ...['-netdev', `user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:${sshPort}-${address}:22`],
    // without its ROM: nothing is started from the network
    ...['-device', `virtio-net-pci,netdev=net,romfile=,mac=52:54:00:12:34:${card.toString(16).padStart(2, '0')}`],
  ];
}

/** @returns a console's text without what moves and paints */
const plain = (text: string) => text.replace(/\x1b\[[0-9;?=]*[A-Za-z]|\r/g, '');

function ended(machine: ChildProcess): Promise<void> {
  if (machine.exitCode !== null || machine.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    machine.once('exit', () => resolve());
    machine.kill('SIGKILL');
  });
}

/** proc_pid_stat(5), fields 14 and 15. */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return Math.round((Number(fields[11]) + Number(fields[12])) / 100);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
