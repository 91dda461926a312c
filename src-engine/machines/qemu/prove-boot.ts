/** Starts disks and watches what they do: until the sign that is waited for, until it is plain that it will not come, or until the time is over. */
import { setTimeout as sleep } from 'node:timers/promises';
import { availableParallelism, freemem } from 'node:os';
import type { BootChoice, BootSight, DiskBus } from '../../contract/boot.contract.ts';
import type { FIRMWARES } from '../../contract/machine.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { isAccelerated } from './acceleration.ts';
import { MAX_BOOT_DISKS, usedBus, usualMachineType, type MachineShape } from './arguments.ts';
import { showsLogin } from './console-picture.ts';
import type { MonitorEvent } from './monitor.ts';
import { CURSOR_SHARE, difference, isTextScreen, showsSomething, toPng, type Picture } from './screen.ts';
import { inTurn } from './machine-turn.ts';
import { scratchParent } from './scratch-folder.ts';
import { failedUnitsIn, hasLogin, kernelIn, lastLinesOf, missesRoot, troubleIn, type Trouble } from './signs.ts';
import { refuseEnded, startMachine, type RunningMachine } from './start-machine.ts';

/** What is known of disks, for what a person did not choose. */
export interface BootSubject {
  /** for errors: a path, or a template's name */
  readonly name: string;
  /** the boot disk first; a bus of null was not recorded */
  readonly disks: readonly { readonly source: BlockSource; readonly bus: DiskBus | null }[];
  readonly firmware: (typeof FIRMWARES)[number];
  readonly memoryBytes: number | null;
  /** it shows a desktop, and no prompt anywhere */
  readonly isGraphical: boolean;
  /** what disks are plugged into where nobody says: the first, and where a system does not find its disk on that, the next */
  readonly likelyBuses: readonly DiskBus[];
}

export interface BootProof {
  /** null: the sign did not come, and `error` says why */
  readonly sight: BootSight | null;
  readonly error: EngineError | null;
  readonly console: string;
  /** PNG */
  readonly picture: Buffer | null;
}

const MIB = 1024 * 1024;
const USUAL_MEMORY_BYTES = 1024 * MIB;
/** What was recorded of a machine may be much more than is needed to start. */
const MOST_MEMORY_BYTES = 4096 * MIB;
const LEAST_MEMORY_BYTES = 256 * MIB;

const LISTEN_MS = 250;
const LOOK_MS = 2_000;
/** A picture that has not changed for so long stays. Its clock and its cursor may. */
const STILL_MS = 30_000;
/** What is written after the first line of trouble tells more of it. */
const TROUBLE_MS = 1_500;
/** A first start may end in another one, twice even; what goes on so gets nowhere. */
const MAX_RESETS = 4;
const LAST_LINES = 8;

/**
 * Where nobody said what its disks are plugged into, a system that does not find its root there is started again with another bus.
 * @param signal ends it
 * @throws EngineError `TOOL_MISSING`, `TOOL_FAILED` where QEMU ended, `DISK_FULL` where what the guest writes has no room, `ABORTED`; what
 *   reading a disk throws
 */
export async function proveBoot(subject: BootSubject, choice: BootChoice, signal: AbortSignal): Promise<BootProof> {
  return inTurn(signal, async () => {
    const isOurs = choice.bus === undefined && subject.disks[0]?.bus === null;
    const [first, ...others] = isOurs ? subject.likelyBuses : [choice.bus ?? 'sata'];
    const tried: DiskBus[] = [];
    let proof = await start(subject, choice, first, tried, signal);
    for (const bus of others) {
      if (proof.error?.code !== 'BOOT_NO_ROOT') break;
      proof = await start(subject, choice, bus, tried, signal);
    }
    return proof;
  });
}

/** @param bus of disks that none was said or recorded of @param tried those of the boot disk so far; this one is added */
async function start(
  subject: BootSubject,
  choice: BootChoice,
  bus: DiskBus,
  tried: DiskBus[],
  signal: AbortSignal,
): Promise<BootProof> {
  const shape = await shapeOf(subject, choice, bus);
  tried.push(usedBus(shape.disks[0]));
  const watch = new Watch(subject, choice, shape, tried);
  const sources = subject.disks.slice(0, MAX_BOOT_DISKS).map(({ source }) => source);
  const machine = await startMachine(shape, sources, (event) => watch.hear(event));
  try {
    return await watch.over(machine, signal);
  } finally {
    await machine.end();
  }
}

async function shapeOf(subject: BootSubject, choice: BootChoice, usual: DiskBus): Promise<MachineShape> {
  const firmware = choice.isSecureBoot ? 'uefi' : (choice.firmware ?? subject.firmware);
  const buses = subject.disks.map(({ bus }) => choice.bus ?? bus ?? usual);
  const recorded = Math.min(subject.memoryBytes ?? USUAL_MEMORY_BYTES, MOST_MEMORY_BYTES, Math.floor(freemem() * 0.7));
  return {
    firmware,
    isSecureBoot: choice.isSecureBoot,
    machineType: choice.machineType ?? usualMachineType(firmware, buses),
    accelerator: choice.isAccelerated && (await isAccelerated()) ? 'kvm' : 'tcg',
    memoryBytes: choice.memoryBytes ?? Math.max(recorded, LEAST_MEMORY_BYTES),
    cores: Math.min(2, availableParallelism()),
    disks: subject.disks.slice(0, MAX_BOOT_DISKS).map(({ source }, i) => ({
      bus: buses[i],
      sectorBytes: source.sectorBytes,
      physicalSectorBytes: source.physicalSectorBytes,
    })),
  };
}

const ERRORS: Readonly<Record<Trouble, EngineError['code']>> = {
  panic: 'BOOT_PANIC',
  emergency: 'BOOT_EMERGENCY',
  'no-loader': 'BOOT_NO_LOADER',
  'loader-stuck': 'BOOT_LOADER_STUCK',
};

class Watch {
  readonly #subject: BootSubject;
  readonly #choice: BootChoice;
  readonly #shape: MachineShape;
  readonly #tried: readonly DiskBus[];
  readonly #startedMs = performance.now();
  #resets = 0;
  #isOff = false;
  #isFull = false;
  #letters = '';
  /** a console that the kernel draws asks for a login */
  #asksInPicture = false;
  #picture: Picture | null = null;
  /** the picture since when it has not changed */
  #still: { picture: Picture; sinceMs: number } | null = null;
  #pictures = 0;
  #lookedMs = 0;

  /** @param tried what the boot disk was plugged into, this time at last */
  constructor(subject: BootSubject, choice: BootChoice, shape: MachineShape, tried: readonly DiskBus[]) {
    this.#subject = subject;
    this.#choice = choice;
    this.#shape = shape;
    this.#tried = [...tried];
  }

  hear({ event, data }: MonitorEvent): void {
    if (event === 'RESET' && data?.guest === true) this.#resets++;
    if (event === 'SHUTDOWN' && data?.guest === true) this.#isOff = true;
    if (event === 'BLOCK_IO_ERROR' && data?.nospace === true) this.#isFull = true;
  }

  async over(machine: RunningMachine, signal: AbortSignal): Promise<BootProof> {
    const deadlineMs = this.#startedMs + this.#choice.timeoutSeconds * 1000;
    for (;;) {
      signal.throwIfAborted();
      refuseEnded(machine);
      if (this.#isFull) throw new EngineError('DISK_FULL', { path: scratchParent() });
      const isLate = performance.now() >= deadlineMs;
      const text = machine.console.recent();
      const isLookDue = performance.now() - this.#lookedMs >= LOOK_MS;
      if (isLookDue || isLate || this.#isOff) await this.#look(machine);
      const sign = this.#signIn(text);
      if (sign) return this.#seen(machine, sign);
      const trouble = troubleIn(text) ?? troubleIn(this.#letters);
      if (trouble) {
        await pause(TROUBLE_MS, signal);
        await this.#look(machine);
        return this.#failed(machine, ERRORS[trouble]);
      }
      // what could not be read has come to nothing, whatever the guest made of it
      if (machine.readFailures.length > 0 && (isLate || this.#isOff)) throw machine.readFailures[0];
      if (this.#isOff || this.#resets >= MAX_RESETS) return this.#failed(machine, 'BOOT_ENDED');
      if (isLate) return this.#failed(machine, 'BOOT_NO_SIGN');
      await pause(LISTEN_MS, signal);
    }
  }

  async #look(machine: RunningMachine): Promise<void> {
    this.#lookedMs = performance.now();
    const picture = await machine.picture();
    if (!picture) return;
    this.#picture = picture;
    const isText = isTextScreen(picture);
    this.#letters = isText ? await machine.letters() : '';
    this.#asksInPicture = !isText && showsLogin(picture);
    const isStill = this.#still !== null && difference(this.#still.picture, picture) <= CURSOR_SHARE;
    if (isStill) return;
    this.#still = { picture, sinceMs: performance.now() };
    this.#pictures++;
  }

  get #wanted(): string {
    return this.#choice.until ?? (this.#subject.isGraphical ? 'desktop' : 'login');
  }

  #signIn(text: string): BootSight['sign'] | null {
    const wanted = this.#wanted;
    if (wanted === 'login') {
      return hasLogin(text) || hasLogin(this.#letters) || this.#asksInPicture ? 'login' : null;
    }
    if (wanted === 'desktop') return this.#staysAsItIs ? 'picture' : null;
    return text.includes(wanted) || this.#letters.includes(wanted) ? 'text' : null;
  }

  /** A picture, not letters, that was not the first to be shown. */
  get #staysAsItIs(): boolean {
    if (!this.#still || this.#pictures < 3) return false;
    const { picture, sinceMs } = this.#still;
    return performance.now() - sinceMs >= STILL_MS && !isTextScreen(picture) && showsSomething(picture);
  }

  async #seen(machine: RunningMachine, sign: BootSight['sign']): Promise<BootProof> {
    const seconds = this.#seconds;
    await this.#look(machine);
    const { firmware, isSecureBoot, accelerator } = this.#shape;
    const console = machine.console.text();
    const sight = {
      sign,
      seconds,
      kernel: kernelIn(console) ?? kernelIn(this.#letters),
      firmware,
      isSecureBoot,
      accelerator,
      bus: this.#tried.at(-1)!,
      ...(this.#tried.length > 1 && { busesWithoutRoot: this.#tried.slice(0, -1) }),
      failedUnits: failedUnitsIn(console),
      lastLines: lastLinesOf(machine.console.recent() || this.#letters, LAST_LINES),
    };
    return { sight, error: null, ...this.#evidence(machine) };
  }

  #failed(machine: RunningMachine, code: EngineError['code']): BootProof {
    const console = machine.console.text();
    const lines = lastLinesOf(machine.console.recent(), LAST_LINES);
    const last = lines.length > 0 ? lines : lastLinesOf(this.#letters, LAST_LINES);
    const kernel = kernelIn(console) ?? kernelIn(this.#letters);
    const lacksRoot = code !== 'BOOT_NO_LOADER' && (missesRoot(console) || missesRoot(this.#letters));
    const error = new EngineError(lacksRoot ? 'BOOT_NO_ROOT' : code, {
      name: this.#subject.name,
      until: this.#wanted,
      seconds: this.#seconds,
      ...(kernel !== null && { kernel }),
      firmware: this.#shape.firmware,
      accelerator: this.#shape.accelerator,
      bus: this.#tried.length > 1 ? [...this.#tried] : this.#tried[0],
      ...(last.length > 0 && { last: last.at(-1)! }),
      lastLines: last,
    });
    return { sight: null, error, ...this.#evidence(machine) };
  }

  get #seconds(): number {
    return Math.round((performance.now() - this.#startedMs) / 100) / 10;
  }

  #evidence(machine: RunningMachine): Pick<BootProof, 'console' | 'picture'> {
    const letters = this.#letters === '' ? '' : `\n--- screen ---\n${this.#letters}\n`;
    return { console: machine.console.text() + letters, picture: this.#picture && toPng(this.#picture) };
  }
}

/** @throws the signal's reason */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}
