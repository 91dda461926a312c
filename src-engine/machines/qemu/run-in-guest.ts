/**
 * Runs a script in a guest, as its first program and in place of all others, and takes files out of it. The guest's disk is read through this
 * process with an overlay over it, so nothing of it is changed: only what the script gives comes back. Its own kernel is started directly, since
 * a boot loader would start it with its own command line. A second disk carries the script in and the files out: it is a raw file of ours.
 */
import { randomBytes } from 'node:crypto';
import { chown, open, writeFile, type FileHandle } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DiskBus } from '../../contract/boot.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { isAccelerated } from './acceleration.ts';
import { usualMachineType, type MachineShape } from './arguments.ts';
import { inTurn } from './machine-turn.ts';
import type { MonitorEvent } from './monitor.ts';
import { lastLinesOf, missesRoot, troubleIn } from './signs.ts';
import { scratchFor, startMachineIn, type RunningMachine } from './start-machine.ts';

export interface GuestTask {
  readonly disk: BlockSource;
  readonly bus: DiskBus;
  /** copies a file of the guest's, whole */
  readonly kernel: (into: FileHandle) => Promise<void>;
  readonly firstFile: ((into: FileHandle) => Promise<void>) | null;
  /** what the kernel is told of its root: `root=…` and what that needs */
  readonly rootWords: readonly string[];
  /** for whatever shell it has; `give FILE` gives a file back */
  readonly script: string;
  readonly timeoutSeconds: number;
  /** of all files that it may give, together */
  readonly maxBytes: number;
}

export interface GivenFile {
  /** as the guest calls it */
  readonly path: string;
  readonly bytes: Buffer;
}

/** Why nothing came of it: words `driverReason.REASON`. */
export type TaskFailure = 'no-start' | 'program' | 'late' | 'ended' | 'lost';

export interface TaskOutcome {
  readonly files: readonly GivenFile[];
  readonly failure: TaskFailure | null;
  readonly lastLines: readonly string[];
}

const MIB = 1024 * 1024;
const MEMORY_BYTES = 1024 * MIB;
const MARK = 'DISKPRESS-SCRIPT';
const BLOCK_BYTES = 4096;
/** the first of the exchange's blocks that files are given in: in front of it stands the script */
const FIRST_BLOCK = 64;
const SCRIPT_AT = 512;
const MAX_FILES = 64;
const LISTEN_MS = 250;
const LAST_LINES = 8;
/** A shell asks for more at the end of a line. */
const PROMPT = /[#$] ?$/;
/** What was typed and came to nothing is typed again: a kernel's message may have come in between. */
const TYPE_AGAIN_MS = 60_000;

/** What is typed: finds the disk that carries the script, by its mark, and runs what stands on it. */
const TYPED =
  'PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH; mount -t proc proc /proc 2>/dev/null; mount -t sysfs sysfs /sys 2>/dev/null; ' +
  `for d in /sys/block/[hsvn]*; do X=/dev/\${d##*/}; [ "$(dd if=$X bs=16 count=1 2>/dev/null | tr -d '\\000')" = "${MARK}" ] && ` +
  `eval "$(dd if=$X bs=512 skip=1 count=127 2>/dev/null | tr -d '\\000')"; done\n`;

/** Around the script: it sees what it needs of a running system, and says how it has ended. `TAG` is told nobody else. */
const wholeScript = (script: string, tag: string) => `
echo "${tag} begin"
dmesg -n 1 2>/dev/null
export HOME=/root LC_ALL=C
mount -o remount,rw / 2>/dev/null
[ -e /dev/null ] || mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run 2>/dev/null
mount -t tmpfs tmpfs /tmp 2>/dev/null
for m in /usr /var /boot; do mount $m 2>/dev/null; done
at=${FIRST_BLOCK}
give() {
  size=$(wc -c < "$1") || return 1
  dd if="$1" of=$X bs=${BLOCK_BYTES} seek=$at conv=notrunc 2>/dev/null || return 1
  echo "${tag} file $at $size $1"
  at=$((at + (size + ${BLOCK_BYTES - 1}) / ${BLOCK_BYTES}))
}
( :
${script}
) </dev/null
status=$?
sync
echo "${tag} end $status"
while :; do sleep 60; done
`;

/**
 * @param signal ends it
 * @throws EngineError `TOOL_MISSING`, `TOOL_FAILED` where QEMU ended, `DISK_FULL`, `ABORTED`; what reading the disk throws
 */
export function runInGuest(task: GuestTask, signal: AbortSignal): Promise<TaskOutcome> {
  return inTurn(signal, () => run(task, signal));
}

async function run(task: GuestTask, signal: AbortSignal): Promise<TaskOutcome> {
  const accelerator = (await isAccelerated()) ? 'kvm' : 'tcg';
  const scratch = await scratchFor({ accelerator });
  const tag = `DISKPRESS-${randomBytes(8).toString('hex')}`;
  let exchange: FileHandle | null = null;
  let machine: RunningMachine | null = null;
  try {
    const place = (name: string) => join(scratch.path, name);
    const put = async (name: string, write: (into: FileHandle) => Promise<void>) => {
      const file = await open(place(name), 'wx', 0o600);
      try {
        await write(file);
      } finally {
        await file.close();
      }
      if (scratch.user) await chown(place(name), scratch.user.uid, scratch.user.gid);
      return place(name);
    };
    const kernel = await put('kernel', task.kernel);
    const firstFile = task.firstFile && (await put('first-file', task.firstFile));
    const path = await put('exchange', (file) => writeExchange(file, wholeScript(task.script, tag), task.maxBytes));
    exchange = await open(path, 'r');
    const { sectorBytes, physicalSectorBytes } = task.disk;
    const shape: MachineShape = {
      firmware: 'bios',
      isSecureBoot: false,
      machineType: usualMachineType('bios', [task.bus]),
      accelerator,
      memoryBytes: MEMORY_BYTES,
      cores: Math.min(2, availableParallelism()),
      disks: [{ bus: task.bus, sectorBytes, physicalSectorBytes }],
      direct: { kernel, firstFile, commandLine: commandLineOf(task), exchange: path },
    };
    const events = { isOff: false };
    machine = await startMachineIn(scratch, shape, [task.disk], (event) => hear(event, events));
    const failure = await over(machine, events, tag, task.timeoutSeconds, signal);
    const text = machine.console.text();
    const files = failure === null ? await given(text, tag, exchange, task.maxBytes) : [];
    // what it wrote of ours is of no interest to anybody
    const lastLines = lastLinesOf(text.replaceAll(new RegExp(`^.*${tag}.*$`, 'gm'), ''), LAST_LINES);
    return { files: files ?? [], failure: files === null ? 'lost' : failure, lastLines };
  } finally {
    await exchange?.close();
    await (machine ? machine.end() : scratch.remove());
  }
}

/** A word without a value that a kernel does not know goes to its first program, which would take it for a file's name. */
const commandLineOf = ({ rootWords }: GuestTask): string =>
  [
    ...rootWords,
    ...['rw', 'init=/bin/sh', 'console=ttyS0', 'quiet', 'loglevel=1', 'selinux=0'],
    // nobody else is in there to be kept out, and what keeps them out costs an emulated processor most of its time
    ...['mitigations=off', 'pti=off', 'spectre_v2=off', 'no_timer_check'],
  ].join(' ');

async function writeExchange(file: FileHandle, script: string, maxBytes: number): Promise<void> {
  const bytes = Buffer.from(script, 'utf8');
  if (SCRIPT_AT + bytes.length > FIRST_BLOCK * 1024) throw new EngineError('INTERNAL', {}, 'the script is too long');
  await writeFile(file, MARK);
  await file.write(bytes, 0, bytes.length, SCRIPT_AT);
  await file.truncate((FIRST_BLOCK + MAX_FILES) * BLOCK_BYTES + Math.ceil(maxBytes / BLOCK_BYTES) * BLOCK_BYTES);
}

function hear({ event, data }: MonitorEvent, events: { isOff: boolean }): void {
  if ((event === 'SHUTDOWN' || event === 'RESET') && data?.guest === true) events.isOff = true;
}

/** @returns why nothing came of it; null: the script has come to its end */
async function over(
  machine: RunningMachine,
  events: { readonly isOff: boolean },
  tag: string,
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<TaskFailure | null> {
  const deadlineMs = performance.now() + timeoutSeconds * 1000;
  let typedMs = -Infinity;
  for (;;) {
    signal.throwIfAborted();
    const isOver = machine.exitCode !== null || events.isOff;
    const text = machine.console.recent();
    const status = new RegExp(`^${tag} end (\\d+)$`, 'm').exec(text)?.[1];
    if (status !== undefined) return status === '0' ? null : 'program';
    const hasBegun = machine.console.text().includes(`${tag} begin`);
    if (!hasBegun && (troubleIn(text) || missesRoot(text))) return 'no-start';
    if (machine.readFailures.length > 0) throw machine.readFailures[0];
    if (isOver) return 'ended';
    if (performance.now() >= deadlineMs) return hasBegun ? 'late' : 'no-start';
    if (!hasBegun && PROMPT.test(text) && performance.now() - typedMs >= TYPE_AGAIN_MS) {
      machine.type(TYPED);
      typedMs = performance.now();
    }
    await sleep(LISTEN_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** @returns null where it says something of the exchange that cannot be */
async function given(text: string, tag: string, exchange: FileHandle, maxBytes: number): Promise<GivenFile[] | null> {
  const files: GivenFile[] = [];
  let sum = 0;
  for (const [, block, length, path] of text.matchAll(
    new RegExp(`^${tag} file (\\d{1,9}) +(\\d{1,12}) (/.{1,500})$`, 'gm'),
  )) {
    const [startBytes, lengthBytes] = [Number(block) * BLOCK_BYTES, Number(length)];
    sum += lengthBytes;
    if (Number(block) < FIRST_BLOCK || sum > maxBytes || files.length >= MAX_FILES) return null;
    const bytes = Buffer.alloc(lengthBytes);
    const { bytesRead } = await exchange.read(bytes, 0, lengthBytes, startBytes);
    if (bytesRead !== lengthBytes) return null;
    files.push({ path, bytes });
  }
  return files;
}
