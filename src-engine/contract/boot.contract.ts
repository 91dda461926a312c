/** Boot proofs: a disk is started in a virtual machine of its own, and what it does there is told. Nothing of the disk is changed. */
import { z } from 'zod';
import { orUnknown } from './open-words.ts';
import { FIRMWARES } from './machine.contract.ts';

export const ACCELERATORS = ['kvm', 'tcg'] as const;
/** What the boot disk is plugged into. */
export const DISK_BUSES = ['sata', 'virtio', 'scsi', 'nvme', 'ide'] as const;
/** QEMU's: one with PCI Express, as machines are today, and the one before it, which the oldest systems know. */
export const MACHINE_TYPES = ['q35', 'pc'] as const;
export type MachineType = (typeof MACHINE_TYPES)[number];
export type DiskBus = (typeof DISK_BUSES)[number];

/**
 * `login`: a prompt that asks who is there; `text`: what was agreed; `picture`: a graphical screen that no longer changes, which may be a
 * desktop and proves no more than that. The others are how it went wrong, each an error of its own: `BOOT_…`.
 */
export const BOOT_SIGNS = ['login', 'text', 'picture'] as const;

export const MIN_BOOT_MEMORY_BYTES = 64 * 1024 * 1024;
export const MAX_BOOT_MEMORY_BYTES = 64 * 1024 * 1024 * 1024;
export const MAX_BOOT_SECONDS = 24 * 3600;

/** How it is to be started, and what is waited for; what is left out is chosen by what is known of the disk. */
export const BootChoiceSchema = z.strictObject({
  firmware: z.enum(FIRMWARES).optional(),
  /** UEFI with Microsoft's keys */
  isSecureBoot: z.boolean().default(false),
  memoryBytes: z.number().int().min(MIN_BOOT_MEMORY_BYTES).max(MAX_BOOT_MEMORY_BYTES).optional(),
  /** left out: `pc` for a BIOS that has its disk on IDE, `q35` for all others */
  machineType: z.enum(MACHINE_TYPES).optional(),
  bus: z.enum(DISK_BUSES).optional(),
  /** `login`, `desktop`, or a text that its console or its screen must show */
  until: z.string().min(1).max(200).optional(),
  timeoutSeconds: z.number().int().min(1).max(MAX_BOOT_SECONDS).default(600),
  /** false: emulated even where the processor could do it */
  isAccelerated: z.boolean().default(true),
});
export type BootChoice = z.output<typeof BootChoiceSchema>;

/** @returns what secure boot would need instead of what was chosen; null where it is not wanted, or nothing stands against it */
export function secureBootNeeds(choice: {
  readonly isSecureBoot?: boolean;
  readonly firmware?: string;
  readonly machineType?: string;
}): 'uefi' | 'q35' | null {
  if (!choice.isSecureBoot) return null;
  if (choice.firmware === 'bios') return 'uefi';
  return choice.machineType === 'pc' ? 'q35' : null;
}

/** What a machine showed. Text of a guest is what a guest likes to write: never printed as it is. */
export const BootSightSchema = z.object({
  sign: orUnknown(BOOT_SIGNS),
  /** from the start to the sign */
  seconds: z.number().nonnegative(),
  /** as the guest tells it; null: it did not */
  kernel: z.string().nullable(),
  firmware: orUnknown(FIRMWARES),
  isSecureBoot: z.boolean(),
  accelerator: orUnknown(ACCELERATORS),
  /** what its boot disk was plugged into; left out: it was not written down */
  bus: orUnknown(DISK_BUSES).optional(),
  /** what was tried before, where it did not find its root file system */
  busesWithoutRoot: z.array(orUnknown(DISK_BUSES)).optional(),
  /** services that it could not start, as far as it said so */
  failedUnits: z.array(z.string()),
  /** the end of its console */
  lastLines: z.array(z.string()),
});
export type BootSight = z.infer<typeof BootSightSchema>;

/** Names of what a boot proof adds to a version: the newest picture of a proof that went well is the template's picture. */
export const BOOT_PICTURE_NAME = 'boot-picture.png';
export const BOOT_CONSOLE_NAME = 'boot-console.txt';

/** What was seen and said, of a proof that has ended: kept for a while. */
export const BootEvidenceSchema = z.object({
  console: z.string(),
  /** PNG; null: there was none */
  pictureBase64: z.string().nullable(),
});
export type BootEvidence = z.infer<typeof BootEvidenceSchema>;
