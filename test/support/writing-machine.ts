/**
 * A machine that writes all the time, in a known order: one number to places of its first disk and then of its second one, then the next
 * number. What was written at any one moment is a number at the first so many places, and the one before it at the others.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineMachine, virsh } from './libvirt.ts';
import { MIB, run, runWithInput, type Workbench } from './workbench.ts';

/*
 * Assembled from:
 *   xor ax,ax; mov ds,ax; mov es,ax; mov ss,ax; mov sp,7c00h; sti
 *   again:  inc dword [8000h]; mov dl,80h
 *   drive:  mov dword [lba],2048
 *   sector: mov si,dap; mov ah,43h; mov al,0; push dx; int 13h; pop dx
 *           add dword [lba],16; cmp dword [lba],2176; jb sector
 *           inc dl; cmp dl,82h; jb drive; jmp again
 *   dap:    db 16,0; dw 1,8000h,0
 *   lba:    dd 0,0
 */
const CODE =
  '31c08ed88ec08ed0bc007cfb66ff060080b28066b80008000066a34a7cbe427cb443b00052cd135a6683064a7c1066813e4a7c8008000072e4fec280fa8272d3ebca10000100008000000000000000000000';

const SECTOR_BYTES = 512;
const PLACES = Array.from({ length: 8 }, (_, i) => (2048 + 16 * i) * SECTOR_BYTES);

export const DISK_BYTES = 24 * MIB;

/** Its disks (the firmware knows those that it may boot from), of which the second one is as `format` says, each with one partition. @returns their paths */
export function writingMachine(bench: Workbench, name: string, format: 'qcow2' | 'raw' = 'qcow2', more = ''): string[] {
  const raw = bench.file(`${name}.raw`, DISK_BYTES);
  runWithInput('start=2048,size=20480,type=83\n', 'sfdisk', '-q', raw);
  const file = openSync(raw, 'r+');
  writeSync(file, Buffer.from(CODE, 'hex'), 0, CODE.length / 2, 0);
  closeSync(file);
  const paths = [bench.path(`${name}-1.qcow2`), bench.path(`${name}-2.${format}`)];
  run('qemu-img', 'convert', '-O', 'qcow2', raw, paths[0]);
  run('qemu-img', 'create', '-q', '-f', format, paths[1], String(DISK_BYTES));
  const formats = ['qcow2', format];
  const disks = paths.map(
    (path, i) =>
      `<disk type='file' device='disk'><driver name='qemu' type='${formats[i]}'/><source file='${path}'/><target dev='vd${'ab'[i]}' bus='virtio'/><boot order='${i + 1}'/></disk>`,
  );
  run('chmod', 'a+x', bench.folder);
  defineMachine(bench, name, disks.join('') + more);
  return paths;
}

/** Starts it, and waits until it writes to all its disks. */
export async function startWriting(name: string): Promise<void> {
  virsh('start', `--domain=${name}`);
  for (let tries = 0; tries < 600; tries++) {
    if (/block\.1\.wr\.reqs=[1-9]/.test(virsh('domstats', '--block', name))) return;
    await sleep(100);
  }
  throw new Error(`${name} does not write`);
}

/** The numbers that it has written, in the order in which it writes. @param disks raw, by their paths */
export function numbersOf(disks: readonly string[]): number[] {
  return disks.flatMap((path) => {
    const file = openSync(path, 'r');
    const bytes = Buffer.alloc(4);
    const numbers = PLACES.map((at) => (readSync(file, bytes, 0, 4, at), bytes.readUInt32LE()));
    closeSync(file);
    return numbers;
  });
}

/** Whether these stood there at one moment. */
export function isOneMoment(numbers: readonly number[]): boolean {
  const [newest] = numbers;
  const turn = numbers.findIndex((number) => number !== newest);
  return newest > 1 && (turn < 0 || numbers.slice(turn).every((number) => number === newest - 1));
}

/** Writes into a running machine's disk, as it would itself. */
export const writeInside = (name: string, disk: string, command: string) =>
  virsh(
    'qemu-monitor-command',
    `--domain=${name}`,
    '--hmp',
    `qemu-io -d /machine/peripheral/virtio-disk${'ab'.indexOf(disk[2])}/virtio-backend "${command}"`,
  );
