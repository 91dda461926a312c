/** Disks of one sector that do what systems do when they start, each in a few instructions of an Intel processor in real mode. */
import { writeFileSync } from 'node:fs';

const SECTOR_BYTES = 512;
const DISK_BYTES = 1024 * 1024;
const LOADED_AT = 0x7c00;
const TEXT_AT = 0x100;

/** To the serial port, and by the firmware to the screen. */
const WRITE_LETTER = [...[0xba, 0xf8, 0x03], 0xee];
const SHOW_LETTER = [...[0xb4, 0x0e], ...[0xbb, 0x07, 0x00], ...[0xcd, 0x10]];
const WAIT_FOR_EVER = [0xfb, 0xf4, 0xeb, 0xfc];

/** Registers as firmware leaves them are nobody's business. */
const BEGIN = [0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0, ...[0xbc, 0x00, 0x7c]];

function disk(path: string, code: readonly number[], text: Buffer = Buffer.alloc(0)): string {
  const sector = Buffer.alloc(SECTOR_BYTES);
  sector.set([...BEGIN, ...code]);
  text.copy(sector, TEXT_AT, 0, SECTOR_BYTES - 2 - TEXT_AT);
  sector.writeUInt16LE(0xaa55, SECTOR_BYTES - 2);
  writeFileSync(path, Buffer.concat([sector, Buffer.alloc(DISK_BYTES - SECTOR_BYTES)]));
  return path;
}

/** Writes each letter of a text, and then does what `after` says. */
function saying(letter: readonly number[], after: readonly number[]): number[] {
  const loadText = [0xbe, ...word(LOADED_AT + TEXT_AT)];
  // lodsb; or al, al; jz over the rest
  const head = [0xac, 0x08, 0xc0, 0x74, letter.length + 2];
  const back = 256 - (head.length + letter.length + 2);
  return [...loadText, ...head, ...letter, 0xeb, back, ...after];
}

const word = (value: number) => [value & 0xff, value >> 8];

/** A disk that says this on its serial console and on its screen, and waits. */
export const sayingDisk = (path: string, text: string | Buffer): string =>
  disk(path, saying([...WRITE_LETTER, ...SHOW_LETTER], WAIT_FOR_EVER), Buffer.from(text));

/** One that has no serial console. */
export const showingDisk = (path: string, text: string): string =>
  disk(path, saying(SHOW_LETTER, WAIT_FOR_EVER), Buffer.from(text));

/** One that says it again and again. */
export function babblingDisk(path: string, text: string | Buffer): string {
  const once = saying(WRITE_LETTER, []);
  return disk(path, [...once, 0xeb, 256 - (once.length + 2)], Buffer.from(text));
}

/** One that says nothing and waits. */
export const silentDisk = (path: string): string => disk(path, WAIT_FOR_EVER);

/** One whose first fault has no handler, and neither has the next: the processor resets itself. */
export const faultingDisk = (path: string): string => {
  // lidt of an empty table: six zeros at the end of the text's place; then an interrupt
  return disk(path, [0x0f, 0x01, 0x1e, ...word(LOADED_AT + TEXT_AT), 0xcd, 0x03], Buffer.alloc(6));
};

/** One that switches the machine off, by the power management of QEMU's machine. */
export const switchingOffDisk = (path: string): string => {
  // q35: PM1a_CNT at the base that the firmware has chosen, SLP_EN and the type that means off
  return disk(path, [...[0xba, 0x04, 0x06], ...[0xb8, 0x00, 0x20], 0xef, ...WAIT_FOR_EVER]);
};

/**
 * One whose system finds its root on virtio alone: it looks for the device there is then.
 * @param without what it says elsewhere
 */
export function virtioOnlyDisk(path: string, without: string, text: string): string {
  // each device of the first bus, by the configuration ports of PCI: 1af4:1001 is a disk on virtio
  const begin = [0x66, 0xbb, 0x00, 0x00, 0x00, 0x80];
  const read = [...[0x66, 0x89, 0xd8], ...[0xba, 0xf8, 0x0c], ...[0x66, 0xef], ...[0xb2, 0xfc], ...[0x66, 0xed]];
  const isIt = [0x66, 0x3d, 0xf4, 0x1a, 0x01, 0x10];
  const next = [0x81, 0xc3, 0x00, 0x08];
  const body = [...read, ...isIt, 0x74, next.length + 2 + 5, ...next];
  const textAt = LOADED_AT + TEXT_AT;
  const code = [
    ...[...begin, ...body, 0x75, 256 - (body.length + 2)],
    ...[0xbe, ...word(textAt), 0xeb, 0x03],
    ...[0xbe, ...word(textAt + without.length + 1)],
    // without the instruction that says which text
    ...saying([...WRITE_LETTER, ...SHOW_LETTER], WAIT_FOR_EVER).slice(3),
  ];
  return disk(path, code, Buffer.from(`${without}\0${text}`));
}

/** One that writes to its second sector, by the firmware, and says this where that went well. */
export function writingDisk(path: string, text: string): string {
  // int 13h, function 3: one sector from 0x7c00 to cylinder 0, head 0, sector 2; the drive is in DL
  const write = [...[0xb8, 0x01, 0x03], ...[0xbb, 0x00, 0x7c], ...[0xb9, 0x02, 0x00], ...[0xb6, 0x00]];
  const loadSegment = [0x8e, 0xc0];
  // where it went wrong, nothing is said
  const call = [0xcd, 0x13, 0x73, WAIT_FOR_EVER.length, ...WAIT_FOR_EVER];
  return disk(
    path,
    [...loadSegment, ...write, ...call, ...saying([...WRITE_LETTER], WAIT_FOR_EVER)],
    Buffer.from(text),
  );
}

const COUNTS_AT = 0x8000;
const DRIVE_AT = 0x7e00;
/** int 13h, one sector behind the first: al, ah; bx, cx, dh; the drive as the firmware told it. */
const sectorOfCounts = (service: number) => [
  ...[0xb8, 0x01, service, 0xbb, ...word(COUNTS_AT), 0xb9, 0x02, 0x00],
  ...[0x8a, 0x16, ...word(DRIVE_AT), 0xb6, 0x00, 0xcd, 0x13],
];

/**
 * One that listens to the power button of QEMU's PCs (ACPI's event registers where SeaBIOS puts them, at 0x600), and switches the machine off some ticks
 * (18 in a second) after it was pressed. Its second sector counts its starts, and how often it shut down by itself.
 */
export function obedientDisk(path: string, ticks = 1): string {
  const wait = [0xfb, 0xf4, 0xba, 0x00, 0x06, 0xed, 0xf6, 0xc4, 0x01];
  return disk(path, [
    // es, sti, the drive
    ...[0x8e, 0xc0, 0xfb, 0x88, 0x16, ...word(DRIVE_AT)],
    ...sectorOfCounts(0x02),
    // inc byte of the starts
    ...[0xfe, 0x06, ...word(COUNTS_AT)],
    ...sectorOfCounts(0x03),
    // the button is listened to from here on
    ...[0xba, 0x02, 0x06, 0xed, 0x80, 0xcc, 0x01, 0xef],
    ...[...wait, 0x74, 256 - (wait.length + 2)],
    // hlt; loop
    ...[0xb9, ...word(ticks), 0xf4, 0xe2, 0xfd],
    ...[0xfe, 0x06, ...word(COUNTS_AT + 1)],
    ...sectorOfCounts(0x03),
    ...[0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef],
    ...WAIT_FOR_EVER,
  ]);
}
