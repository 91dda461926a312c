/**
 * A disk whose writes and flushes are written down in their order, so that the power can be cut at any of them: what was
 * flushed before is there, what came after is there, lost or torn, each sector by itself.
 *
 * qemu-storage-daemon shows the disk as a file (FUSE) and logs what it is told, in the format of Linux's dm-log-writes
 * (Documentation/admin-guide/device-mapper/log-writes.rst; QEMU, block/blklogwrites.c).
 */
import { spawn } from 'node:child_process';
import { closeSync, copyFileSync, existsSync, openSync, readSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { canLoop, run, type Workbench } from '../support/workbench.ts';
import { randomBelow } from '../support/temporary.ts';

export const canRecord = canLoop && existsSync('/usr/bin/qemu-storage-daemon');
if (!canRecord) console.warn('SKIPPED: power cuts, which need qemu-storage-daemon, loop devices and root');

const SECTOR_BYTES = 512;
const FLAG_FLUSH = 1n;
const FLAG_FUA = 2n;
const FLAG_DISCARD = 4n;

interface Entry {
  /** where the entry itself begins in the log */
  readonly logBytes: number;
  readonly startBytes: number;
  readonly lengthBytes: number;
  /** where what was written lies in the log; null for a flush and for what was discarded */
  readonly dataAt: number | null;
  /** everything before it is on the disk */
  readonly isFlush: boolean;
  /** it is on the disk itself */
  readonly isForced: boolean;
}

export interface RecordedDisk {
  /** the block device to use */
  readonly device: string;
  /** How far the log is: what is logged later happened later. */
  position(): number;
  /** Detaches the device; the log is then whole. */
  stop(): Promise<Recording>;
}

/** @param image what is on the disk at first; it stays as it is */
export async function recordedDisk(bench: Workbench, image: string): Promise<RecordedDisk> {
  const copy = `${image}.recorded`;
  const log = `${image}.log`;
  const shown = `${image}.shown`;
  run('cp', '--sparse=always', image, copy);
  writeFileSync(log, '');
  writeFileSync(shown, '');
  const daemon = spawn(
    'qemu-storage-daemon',
    [
      ['--blockdev', `driver=file,node-name=disk,filename=${copy}`],
      ['--blockdev', `driver=file,node-name=log,filename=${log}`],
      ['--blockdev', 'driver=blklogwrites,node-name=recorded,file=disk,log=log'],
      ['--export', `type=fuse,id=shown,node-name=recorded,mountpoint=${shown},writable=on`],
    ].flat(),
    { stdio: 'inherit' },
  );
  const gone = new Promise((resolve) => daemon.once('exit', resolve));
  bench.atEnd(() => void daemon.kill());
  for (let tries = 0; statSync(shown).size !== statSync(image).size; tries++) {
    if (tries > 200) throw new Error('qemu-storage-daemon shows no disk');
    await sleep(50);
  }
  const device = bench.attach(shown);
  return {
    device,
    position: () => statSync(log).size,
    async stop() {
      bench.detach(device);
      daemon.kill();
      await gone;
      return new Recording(image, log);
    },
  };
}

export class Recording {
  readonly #image: string;
  readonly #log: string;
  readonly entries: readonly Entry[];

  constructor(image: string, log: string) {
    this.#image = image;
    this.#log = log;
    this.entries = readEntries(log);
  }

  /** The disk as whoever writes to it sees it at that moment: what a backup of a running machine is. @param entryCount, to as in {@link cutAt} */
  momentAt(entryCount: number, to: string): void {
    copyFileSync(this.#image, to);
    const input = openSync(this.#log, 'r');
    const output = openSync(to, 'r+');
    for (const entry of this.entries.slice(0, entryCount)) write(input, output, entry, () => true);
    closeSync(input);
    closeSync(output);
  }

  /**
   * The disk after a power cut.
   * @param entryCount how many entries had been logged
   * @param seed which of the unflushed sectors are on the disk
   * @param to the file that is made
   */
  cutAt(entryCount: number, seed: number, to: string): void {
    copyFileSync(this.#image, to);
    const past = this.entries.slice(0, entryCount);
    const lastFlush = past.findLastIndex(({ isFlush }) => isFlush);
    const below = randomBelow(seed);
    // a drive that loses all, one that keeps most, and what is between
    const keptOfFour = below(5);
    const input = openSync(this.#log, 'r');
    const output = openSync(to, 'r+');
    for (const [i, entry] of past.entries()) {
      if (i < lastFlush || entry.isForced) write(input, output, entry, () => true);
      else if (below(4) === 0) write(input, output, entry, () => below(4) < keptOfFour);
      else if (below(4) < keptOfFour) write(input, output, entry, () => true);
    }
    closeSync(input);
    closeSync(output);
  }
}

/** @param isKept asked for each sector */
function write(input: number, output: number, entry: Entry, isKept: () => boolean): void {
  if (entry.dataAt === null) return;
  const bytes = Buffer.alloc(entry.lengthBytes);
  readSync(input, bytes, 0, bytes.length, entry.dataAt);
  let from = -1;
  for (let at = 0; at <= bytes.length; at += SECTOR_BYTES) {
    if (at < bytes.length && isKept()) {
      if (from < 0) from = at;
    } else if (from >= 0) {
      writeSync(output, bytes, from, at - from, entry.startBytes + from);
      from = -1;
    }
  }
}

function readEntries(log: string): Entry[] {
  const file = openSync(log, 'r');
  const head = Buffer.alloc(SECTOR_BYTES);
  readSync(file, head, 0, SECTOR_BYTES, 0);
  const sectorBytes = head.readUInt32LE(24);
  if (head.readBigUInt64LE(0) !== 0x6a736677736872n || sectorBytes !== SECTOR_BYTES)
    throw new Error('not a log of writes');
  const entries: Entry[] = [];
  let at = sectorBytes;
  for (let left = head.readBigUInt64LE(16); left > 0n; left--) {
    readSync(file, head, 0, SECTOR_BYTES, at);
    const lengthBytes = Number(head.readBigUInt64LE(8)) * sectorBytes;
    const flags = head.readBigUInt64LE(16);
    const hasData = lengthBytes > 0 && (flags & FLAG_DISCARD) === 0n;
    entries.push({
      logBytes: at,
      startBytes: Number(head.readBigUInt64LE(0)) * sectorBytes,
      lengthBytes,
      dataAt: hasData ? at + sectorBytes : null,
      isFlush: (flags & FLAG_FLUSH) !== 0n,
      isForced: (flags & FLAG_FUA) !== 0n,
    });
    at += sectorBytes + (hasData ? lengthBytes : 0);
  }
  closeSync(file);
  return entries;
}
