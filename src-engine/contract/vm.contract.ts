/** Virtual machines of the hypervisors that are here, in words that no hypervisor owns. */
import { z } from 'zod';
import { bytes } from './disk.contract.ts';
import { ErrorViewSchema } from './errors.ts';
import { FIRMWARES } from './template.contract.ts';

const text = z.string().max(500);

export const HYPERVISORS = ['libvirt'] as const;
export type HypervisorKind = (typeof HYPERVISORS)[number];
/** Whether a source names a machine: 'libvirt:NAME'. */
export const isVmPlace = (place: string) => HYPERVISORS.some((kind) => place.startsWith(`${kind}:`));
export const VM_STATES = ['running', 'paused', 'shutting-down', 'off', 'crashed', 'unknown'] as const;
/** `absent`: a drive that holds nothing; `elsewhere`: what only the hypervisor can reach, a network disk */
export const VM_DISK_PLACES = ['file', 'device', 'absent', 'elsewhere'] as const;

export const VmDiskSchema = z.object({
  /** as the machine knows it: 'vda' */
  name: text,
  isOptical: z.boolean(),
  bus: text.nullable(),
  placed: z.enum(VM_DISK_PLACES),
  /** of a file or a device; what the hypervisor calls it where it is elsewhere; null: absent */
  path: z.string().max(4096).nullable(),
  /** 'qcow2', 'raw'…, as the definition says it */
  format: text.nullable(),
  isReadOnly: z.boolean(),
  isShared: z.boolean(),
  serial: text.nullable(),
});
export type VmDisk = z.infer<typeof VmDiskSchema>;

export const VmSchema = z.object({
  /** as commands take it: 'libvirt:NAME' */
  place: text,
  hypervisor: z.enum(HYPERVISORS),
  name: text,
  id: text,
  state: z.enum(VM_STATES),
  /** null in all of it: the definition does not say */
  operatingSystem: text.nullable(),
  processors: z.number().int().positive().nullable(),
  memoryBytes: bytes.nullable(),
  firmware: z.enum(FIRMWARES).nullable(),
  hasSecureBoot: z.boolean(),
  hasTpm: z.boolean(),
  machineType: text.nullable(),
  architecture: text.nullable(),
  disks: z.array(VmDiskSchema).max(1000),
  networks: z.array(z.object({ mac: text.nullable(), model: text.nullable(), to: text.nullable() })).max(1000),
  /** null: a list of machines does not ask for them */
  snapshots: z.array(text).max(10_000).nullable(),
});
export type Vm = z.infer<typeof VmSchema>;

/** Its disks, without discs in drives. */
export const hardDisksOf = ({ disks }: Pick<Vm, 'disks'>): VmDisk[] => disks.filter(({ isOptical }) => !isOptical);

/** What each hypervisor answers. One that is not there, or cannot be asked, says why; the others go on. */
export const HypervisorViewSchema = z.object({
  kind: z.enum(HYPERVISORS),
  /** 'qemu:///system' */
  address: text,
  machines: z.array(VmSchema).max(10_000),
  error: ErrorViewSchema.nullable(),
});
export type HypervisorView = z.infer<typeof HypervisorViewSchema>;

/** A machine whose disks lie over a template that is served to it. */
export const ServedMachineViewSchema = z.object({
  id: z.uuid(),
  place: text,
  templateId: z.uuid(),
  templateName: z.string(),
  versionNumber: z.number().int().positive(),
  /** it stays so; else what lies below its disks is brought into them */
  isLinked: z.boolean(),
  /** by this engine, just now: a machine that is not served waits for its disks */
  isServed: z.boolean(),
  /** that brings in what lies below its disks; null: none is at work */
  jobId: z.uuid().nullable(),
  /** why it cannot be served */
  error: ErrorViewSchema.nullable(),
});
export type ServedMachineView = z.infer<typeof ServedMachineViewSchema>;
