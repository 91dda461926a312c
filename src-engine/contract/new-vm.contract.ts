/** Virtual machines that a deploy makes, or gives a new disk: what is chosen, and what a plan makes of it. */
import { z } from 'zod';
import { ACCELERATORS, BootChoiceSchema, DISK_BUSES, MACHINE_TYPES } from './boot.contract.ts';
import { bytes } from './disk.contract.ts';
import { orUnknown } from './open-words.ts';
import { HYPERVISORS } from './vm.contract.ts';

/** What an image file that is deployed to may become. `vmdk`: a text beside the raw disk. */
export const DEPLOY_FORMATS = ['raw', 'qcow2', 'vdi', 'vmdk'] as const;
export type DeployFormat = (typeof DEPLOY_FORMATS)[number];

const text = z.string().max(500);
const firmware = BootChoiceSchema.shape.firmware.unwrap();
const path = z.string().max(4096);

/** Begins like no option, holds nothing that XML, paths or shells would read otherwise. */
export const VmNameSchema = z
  .string()
  .regex(/^[\p{L}\p{N}](?:[\p{L}\p{N} ._+-]{0,62}[\p{L}\p{N}._+-])?$/u, { error: 'machine-name' });

export const MAX_VM_PROCESSORS = 512;
export const MIN_VM_MEMORY_BYTES = 64 * 1024 * 1024;
const MAX_VM_MEMORY_BYTES = 16 * 1024 ** 4;
const MAX_VM_CARDS = 16;

/** What a card is plugged into. `user`: QEMU's own network, which needs nothing of the host. */
export const VM_NETWORK_KINDS = ['network', 'bridge', 'user'] as const;
const MAC = /^[0-9A-Fa-f][02468ACEace](?::[0-9A-Fa-f]{2}){5}$/;

export const VmNetworkChoiceSchema = z.strictObject({
  kind: z.enum(VM_NETWORK_KINDS),
  /** of the network or the bridge */
  name: text.default(''),
  /** left out: a fresh one; of one machine only */
  mac: z.string().regex(MAC, { error: 'mac' }).optional(),
});
export type VmNetworkChoice = z.infer<typeof VmNetworkChoiceSchema>;

export const OVER_TEMPLATE = ['instant', 'linked'] as const;

/** What a person wants otherwise than it was recorded; what is left out follows the record, and what this host has. */
export const VmChoiceSchema = z.strictObject({
  processors: z.number().int().min(1).max(MAX_VM_PROCESSORS).optional(),
  memoryBytes: z.number().int().min(MIN_VM_MEMORY_BYTES).max(MAX_VM_MEMORY_BYTES).optional(),
  /** where its disks lie; left out: the pool 'default', or the only one */
  pool: text.min(1).optional(),
  firmware: firmware.optional(),
  /** UEFI with Microsoft's keys */
  isSecureBoot: z.boolean().optional(),
  hasTpm: z.boolean().optional(),
  bus: z.enum(DISK_BUSES).optional(),
  machineType: z.enum(MACHINE_TYPES).optional(),
  /** empty: no card */
  networks: z.array(VmNetworkChoiceSchema).max(MAX_VM_CARDS).optional(),
  start: z.boolean().default(false),
  /**
   * its disks lie over the template, which is served to it, and nothing is copied before it is there; `instant`: it is started, and what it has of the
   * template comes into its disks behind it; `linked`: it stays so
   */
  overTemplate: z.enum(OVER_TEMPLATE).optional(),
});
export type VmChoice = z.output<typeof VmChoiceSchema>;

/** Where a part of a definition comes from. Words: `vmNote.from.FROM`. */
export const VM_SOURCES = ['chosen', 'recorded', 'adjusted', 'usual'] as const;
/** Words: `vmNote.field.FIELD`. */
export const VM_FIELDS = ['processors', 'memory', 'firmware', 'machine-type', 'bus', 'network', 'tpm'] as const;

export const PlannedVmSchema = z.object({
  place: text,
  hypervisor: z.enum(HYPERVISORS),
  name: text,
  /** the UUID that it gets, or has */
  id: z.uuid(),
  /** it is there already, and its first disk is replaced */
  isReload: z.boolean(),
  processors: z.number().int().positive(),
  memoryBytes: bytes,
  firmware,
  isSecureBoot: z.boolean(),
  hasTpm: z.boolean(),
  machineType: z.enum(MACHINE_TYPES),
  accelerator: z.enum(ACCELERATORS),
  /** what its clock shows to it: Windows takes it for the local time */
  clock: z.enum(['utc', 'localtime']),
  /** a fresh one for each machine: whoever was copied can tell by it */
  generationId: z.uuid(),
  pool: text,
  /** where UEFI keeps its variables: a fresh file; null: it needs none, or has one */
  variables: path.nullable(),
  /** in the order of the template's disks, the boot disk first where nothing else was recorded */
  disks: z.array(
    z.object({
      /** which of the template's disks, from 1 */
      disk: z.number().int().positive(),
      path,
      /** of a pool whose disks are no files: what is made there under the path, as long as whole extents; null: a file */
      volume: z.object({ name: text, extentBytes: bytes.positive() }).nullable().default(null),
      format: z.enum(DEPLOY_FORMATS),
      /** as the machine knows it: 'vda' */
      name: text,
      bus: z.enum(DISK_BUSES),
      sectorBytes: z.number().int().positive(),
      serial: text,
      isBoot: z.boolean(),
    }),
  ),
  networks: z.array(z.object({ kind: z.enum(VM_NETWORK_KINDS), name: text, mac: text, model: text })),
  /** `recorded`: what the template's record said instead */
  notes: z.array(
    z.object({ field: orUnknown(VM_FIELDS), from: orUnknown(VM_SOURCES), value: text, recorded: text.nullable() }),
  ),
  /** where the disk that is replaced goes; null: it is erased, or there is none */
  keptDisk: path.nullable(),
  start: z.boolean(),
  /** null: its disks are copies */
  overTemplate: z.enum(OVER_TEMPLATE).nullable().default(null),
  bootProof: BootChoiceSchema.nullable(),
});
export type PlannedVm = z.output<typeof PlannedVmSchema>;
