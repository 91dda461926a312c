/** What the text of a console or of a screen says of how far a system has come. */

export type Trouble = 'panic' | 'emergency' | 'no-loader' | 'loader-stuck';

/** Who is there? The question stands at the end of a line; what a user is greeted with afterwards does not. */
const LOGIN = /^(?!.*last login)[^\n]{0,200}\blogin: ?$/im;

/** Phrases of the programs that say them. */
const TROUBLES: readonly [Trouble, RegExp][] = [
  // Linux; the BSDs and Solaris
  ['panic', /Kernel panic - not syncing|^panic(?:\[cpu\d+\][^\n]*)?: /m],
  // systemd, sulogin, initramfs-tools, dracut, sysvinit
  [
    'emergency',
    /You are in (?:emergency|rescue) mode|Entering emergency mode|Cannot open access to console, the root account is locked|Give root password for maintenance|Press Enter for maintenance|^\(initramfs\)|^dracut:\/#|^rdsosreport|Type 'exit' to (?:continue|try)/im,
  ],
  // GRUB where it does not find its own files, or no configuration
  ['loader-stuck', /^grub rescue>|^grub>|^error: [^\n]{0,200}\n(?:[^\n]*\n)?Entering rescue mode|^Boot error$/im],
  // SeaBIOS, OVMF, and what is in the first sector of a disk that has nothing to start
  [
    'no-loader',
    /^No bootable device|No bootable option or device was found|^UEFI Interactive Shell|^Shell>|Operating system not found|Missing operating system|Error loading operating system|Invalid partition table|This is not a bootable disk|BOOTMGR is missing|NTLDR is missing|An operating system wasn't found|^FATAL: No bootable medium/im,
  ],
];

/** @param text plain lines */
export const hasLogin = (text: string): boolean => LOGIN.test(text);

/** The first that is known of what stands there. */
export function troubleIn(text: string): Trouble | null {
  return TROUBLES.find(([, phrase]) => phrase.test(text))?.[0] ?? null;
}

/** What initramfs-tools, dracut, systemd in a first file system, a kernel without one, and Alpine's say where the disk is not there. */
const NO_ROOT =
  /Gave up waiting for root (?:file system )?device|^ALERT! .{1,200} does not exist|^[ -]*Missing modules \(cat \/proc\/modules|dracut-initqueue.{0,80}Warning: (?:\/dev\/\S{1,200} does not exist|Could not boot)|^(?:\[[^\]\n]{0,40}\] *)?(?:dracut\S* )?Warning: "?\/dev\/\S{1,200} does not exist|Dependency failed for (?:sysroot\.mount - )?\/sysroot\b|Unable to mount root fs on (?:unknown-block\(0,0\)|"")|Cannot open root device|device '[^'\n]{1,200}' not found\. Skipping fsck|Mounting root: failed|Mounting \S{1,200} on \/sysroot failed: No such/im;

/** Whether a system has said that the device of its root file system is not there: often its kernel has no driver for what it is plugged into. */
export const missesRoot = (text: string): boolean => NO_ROOT.test(text);

/** Version of the kernel that said so, or that a loader began. */
export function kernelIn(text: string): string | null {
  return (/\bLinux version (\S{1,100})/.exec(text) ?? /\bLoading Linux (\S{1,100}) \.\.\./.exec(text))?.[1] ?? null;
}

const MAX_UNITS = 20;

/** What systemd could not start, as it says it on the console. */
export function failedUnitsIn(text: string): string[] {
  const failed = [...text.matchAll(/^\[ ?FAILED ?\] Failed to (?:start|mount|activate) (.{1,120})$/gm)];
  return [...new Set(failed.map(([, unit]) => unit.trim()))].slice(0, MAX_UNITS);
}

const MAX_LINE_CHARACTERS = 200;

/** The last lines that say something. */
export function lastLinesOf(text: string, count: number): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .slice(-count)
    .map((line) => line.slice(0, MAX_LINE_CHARACTERS));
}
