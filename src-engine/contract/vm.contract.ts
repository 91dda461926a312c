/** Virtual machines of the hypervisors that are here, in words that no hypervisor owns. */
import { z } from 'zod';
import { bytes } from './disk.contract.ts';
import { ErrorViewSchema } from './errors.ts';
import { FIRMWARES } from './machine.contract.ts';

const text = z.string().max(500);

export const HYPERVISORS = ['libvirt', 'vbox', 'vmx', 'qemu'] as const;
export type HypervisorKind = (typeof HYPERVISORS)[number];
/** `saved`: off, with what it had in memory kept on the host's disk; its file systems are in use */
export const VM_STATES = ['running', 'paused', 'shutting-down', 'off', 'saved', 'crashed', 'unknown'] as const;
/** How long a guest is given to shut down where nobody says it. */
export const SHUT_DOWN_SECONDS = 180;
export const ShutDownSecondsSchema = z.number().int().min(1).max(3600);
/** `absent`: a drive that holds nothing; `elsewhere`: what only the hypervisor can reach, a network disk; `pool-down`: a volume of a pool that is not started */
export const VM_DISK_PLACES = ['file', 'device', 'absent', 'elsewhere', 'pool-down'] as const;

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
  /** as the firmware looks for a system, from 1; null: it is not said of this disk */
  bootOrder: z.number().int().positive().nullable().default(null),
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

/** Where a machine's firmware looks first, by its definition: the disk of the lowest order, or the first. */
export function bootDiskOf<D extends Pick<VmDisk, 'bootOrder'>>(disks: readonly D[]): D | undefined {
  const ordered = disks.filter(({ bootOrder }) => bootOrder !== null);
  return ordered.sort((a, b) => a.bootOrder! - b.bootOrder!)[0] ?? disks[0];
}

const count = z.number().int().positive();
/** Where a firmware looks for a system, first to last, from 1; null: not by this device, or it is not said. */
const bootOrder = count.nullable();

export const VM_DISK_KINDS = ['disk', 'optical', 'floppy'] as const;
/** What a network card is plugged into: a network of the hypervisor's, a bridge of the host, the hypervisor's own translation, a card of the host. */
export const VM_CARD_KINDS = ['network', 'bridge', 'user', 'direct', 'other'] as const;
export const VM_CLOCKS = ['utc', 'localtime', 'other'] as const;

/**
 * The hardware of a virtual machine as it was defined when it was captured: what a new machine is made from. No hypervisor owns it; words of hardware
 * ('virtio', 'e1000', 'q35') are those that QEMU, libvirt and most others know. null in all of it: the definition does not say.
 */
export const VmDefinitionSchema = z.object({
  /** whose words the original has */
  hypervisor: z.string().max(50),
  name: text,
  title: text.nullable(),
  operatingSystem: text.nullable(),
  /** 'x86_64' */
  architecture: text.nullable(),
  /** 'pc-q35-7.2' */
  machineType: text.nullable(),
  processors: z.object({
    count: count.nullable(),
    /** a model's name, or 'host-passthrough', 'host-model', 'maximum' */
    model: text.nullable(),
    topology: z.object({ sockets: count, dies: count, cores: count, threads: count }).nullable(),
  }),
  memoryBytes: bytes.nullable(),
  firmware: z.enum(FIRMWARES).nullable(),
  hasSecureBoot: z.boolean(),
  tpm: z.object({ model: text.nullable(), version: text.nullable() }).nullable(),
  /** kinds of devices in their order, where it is not said by each device: 'hd', 'network', 'cdrom' */
  bootDevices: z.array(text).max(16),
  disks: z
    .array(
      z.object({
        kind: z.enum(VM_DISK_KINDS),
        /** which of the version's disks it is, from 1; null: it was not captured */
        disk: count.nullable(),
        /** as the machine knows it: 'vda' */
        name: text,
        /** 'virtio', 'scsi', 'sata', 'ide', 'usb'… */
        bus: text.nullable(),
        /** of the controller that it is on: 'virtio-scsi', 'lsilogic'… */
        controller: text.nullable(),
        serial: text.nullable(),
        wwn: text.nullable(),
        bootOrder,
        /** 'qcow2', 'raw'… */
        format: text.nullable(),
        cache: text.nullable(),
        discard: text.nullable(),
        isReadOnly: z.boolean(),
        isShared: z.boolean(),
        sectorBytes: count.nullable(),
        physicalSectorBytes: count.nullable(),
      }),
    )
    .max(1000),
  cards: z
    .array(
      z.object({
        model: text.nullable(),
        kind: z.enum(VM_CARD_KINDS),
        /** the network, the bridge or the card that it is plugged into */
        to: text.nullable(),
        mac: text.nullable(),
        bootOrder,
        isPluggedIn: z.boolean(),
      }),
    )
    .max(1000),
  video: z.array(z.object({ model: text.nullable(), memoryBytes: bytes.nullable() })).max(16),
  /** how its screen is reached: 'vnc', 'spice' */
  screens: z.array(text).max(16),
  sound: z.array(text).max(16),
  hasSerialConsole: z.boolean(),
  hasGuestAgent: z.boolean(),
  hasRandomSource: z.boolean(),
  watchdog: text.nullable(),
  clock: z.enum(VM_CLOCKS).nullable(),
  timezone: text.nullable(),
  /** 'acpi', 'apic', 'hyperv'… */
  features: z.array(text).max(100),
  /** what was taken out of the original because it is a secret, or may hold one: 'devices/graphics@passwd' */
  removed: z.array(text).max(1000),
});
export type VmDefinition = z.infer<typeof VmDefinitionSchema>;

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

/** A machine whose disks lie over a template that is served to it. */
export const ServedMachineViewSchema = z.object({
  id: z.uuid(),
  place: text,
  templateId: z.uuid(),
  templateName: z.string(),
  versionNumber: z.number().int().positive(),
  /** it stays so; else what lies below its disks is brought into them */
  isLinked: z.boolean(),
  /** by this engine, just now: a machine that nobody serves waits for its disks */
  isServed: z.boolean(),
  /** the process of another Diskpress that serves it; null: none does */
  servedBy: z.number().int().positive().nullable(),
  /** that brings in what lies below its disks; null: none is at work */
  jobId: z.uuid().nullable(),
  /** why it cannot be served */
  error: ErrorViewSchema.nullable(),
});
export type ServedMachineView = z.infer<typeof ServedMachineViewSchema>;
