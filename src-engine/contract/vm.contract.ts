/** Virtual machines of the hypervisors that are here, in words that no hypervisor owns. */
import { z } from 'zod';
import { bytes } from './disk.contract.ts';
import { ErrorViewSchema } from './errors.ts';
import { FIRMWARES } from './template.contract.ts';

const text = z.string().max(500);

export const HYPERVISORS = ['libvirt', 'vbox', 'vmx', 'qemu'] as const;
export type HypervisorKind = (typeof HYPERVISORS)[number];
/** `saved`: its memory is in a file, and it goes on from there */
export const VM_STATES = ['running', 'paused', 'saved', 'shutting-down', 'off', 'crashed', 'unknown'] as const;
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
  /** as commands take it: 'libvirt:NAME', 'vmx:FILE' */
  place: z.string().max(5000),
  hypervisor: z.enum(HYPERVISORS),
  name: text,
  id: text,
  state: z.enum(VM_STATES),
  /** what tells that it is not off where no hypervisor is asked: a process, a lock */
  heldBy: text.optional(),
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
  /** 'qemu:///system'; '' where there is none to say */
  address: text,
  /** another machine, as `vm hosts` has it; null: this one */
  host: text.nullable().default(null),
  machines: z.array(VmSchema).max(10_000),
  error: ErrorViewSchema.nullable(),
});
/** Another machine whose libvirt is asked by ssh: '[user@]host[:port]'. */
export const HostAddressSchema = z.string().min(1).max(400);
export type HypervisorView = z.infer<typeof HypervisorViewSchema>;
