/** Every command of the engine: its parameters and its result. The only list; faces and the router both read it. */
import { z } from 'zod';
import { OUTSIDE_CHOICES } from './account.contract.ts';
import { GuestSettingsSchema, identityChoice, SeveralSettingsSchema, VolumeChoiceSchema } from './deploy.contract.ts';
import { FALLBACK_LOADERS } from './boot-chain.contract.ts';
import { BootChoiceSchema, BootEvidenceSchema } from './boot.contract.ts';
import { bytes, DeviceViewSchema, DISK_FORMATS, DiskViewSchema, RecordedPlaceViewSchema } from './disk.contract.ts';
import { DataSchema, ErrorViewSchema } from './errors.ts';
import {
  ComparisonSchema,
  FileEntryViewSchema,
  FilePathSchema,
  FileVolumeViewSchema,
  VolumeRefSchema,
} from './files.contract.ts';
import { EXPORT_FORMATS, ExportPlanSchema, ImportPlanSchema, ImportViewSchema } from './import.contract.ts';
import { JobViewSchema } from './job.contract.ts';
import { GuestSchema } from './guest.contract.ts';
import { DRIVER_BUSES, DRIVER_CHOICES } from './drivers.contract.ts';
import { FIRMWARES, MachineProfileSchema } from './machine.contract.ts';
import { NbdViewSchema } from './nbd.contract.ts';
import { DEPLOY_FORMATS, VmChoiceSchema } from './new-vm.contract.ts';
import { CapturePlanSchema, DeployPlanSchema } from './plan.contract.ts';
import { PledgeViewSchema } from './pledge.contract.ts';
import { PreferencesChangeSchema, PreferencesViewSchema } from './preferences.contract.ts';
import { PolicyViewSchema, ReportSchema, RuleViewSchema } from './report.contract.ts';
import {
  EDITED_FIELDS,
  KINDS,
  LICENCES,
  MAX_DISKS,
  NameSchema,
  NoteSchema,
  PeopleSchema,
  PolicyIdSchema,
  STATUSES,
  TagsSchema,
  TemplateRefSchema,
  TemplateSummarySchema,
  TemplateViewSchema,
  VISIBILITIES,
} from './template.contract.ts';
import {
  HostAddressSchema,
  HypervisorViewSchema,
  ServedMachineViewSchema,
  SHUT_DOWN_SECONDS,
  ShutDownSecondsSchema,
  VmSchema,
} from './vm.contract.ts';
import { PieceSchema, UploadFileSchema } from './upload.contract.ts';
import { CHECK_CODES, CheckSchema } from './warnings.ts';

const none = z.strictObject({});
/** 'libvirt:NAME' */
const vmPlace = z.string().min(1).max(500);
const path = z
  .string()
  .min(1)
  .max(4096)
  .refine((p) => !p.includes('\0'), { error: 'path' });
/** what an image file is, where that is not left to its content: of a raw disk, a guest may have written the beginning */
const format = z.enum(DISK_FORMATS).nullable().default(null);
const image = {
  format,
  path,
  /** which image of an archive, where it holds several */
  entry: z.string().max(4096).nullable().default(null),
  /** which disk of a machine that has several, from 1; all of them where it is not said */
  disk: z.number().int().min(1).max(MAX_DISKS).optional(),
  password: z.string().max(1024).nullable().default(null),
};
const started = z.object({ jobId: z.uuid() });
/** which disk of a template, from 1; only one that has several needs it */
const disk = z.number().int().min(1).max(MAX_DISKS).optional();
/** blocks that a person takes upon themselves: codes of checks, ids of rules */
const overrides = z.array(z.union([z.enum(CHECK_CODES), PolicyIdSchema])).default([]);
const rules = {
  /** a policy by its id; that of the template or of its kind where it is not given */
  policy: PolicyIdSchema.optional(),
  /** the machine in question: 'this', the name of a saved profile, or the path of a profile's file */
  machine: z.string().min(1).max(4096).optional(),
  overrides,
};
/** what to do about unknown data that lies outside of all tables and file systems */
const outside = z.enum(OUTSIDE_CHOICES).default('ask');
const template = z.strictObject({ template: TemplateRefSchema });

export const LogEntrySchema = z.object({
  id: z.number().int(),
  at: z.iso.datetime(),
  user: z.string(),
  action: z.string(),
  subject: z.string(),
  data: DataSchema,
});
export type LogEntry = z.infer<typeof LogEntrySchema>;

export const FolderEntrySchema = z.object({
  name: z.string(),
  kind: z.enum(['folder', 'file']),
  lengthBytes: bytes,
  modifiedAt: z.iso.datetime(),
});
export type FolderEntry = z.infer<typeof FolderEntrySchema>;

/** More targets than a machine has places to plug them in. */
const MAX_DEPLOYS = 64;
export const DELTAS = ['auto', 'off'] as const;
const deployPlan = {
  template: TemplateRefSchema,
  disk,
  /** length of a new image file; the template's capacity where it is not given */
  lengthBytes: bytes.optional(),
  /** what an image file becomes once it is whole; left out: raw, and of a new machine what its hypervisor likes */
  diskFormat: z.enum(DEPLOY_FORMATS).optional(),
  /** whether a disk that seems to hold most of it already is read first, so that only what differs is written */
  delta: z.enum(DELTAS).default('auto'),
  /** read first in any case: a deploy of it was interrupted */
  resume: z.boolean().default(false),
  /** what becomes of volumes; of those that are not named, the last that can grow takes what a larger target has more */
  volumes: z.array(VolumeChoiceSchema).max(1024).default([]),
  /** the bytes as captured: nothing grows, moves, or is changed inside */
  exact: z.boolean().default(false),
  /** a loader for firmware that has no entry for the disk is copied where there is none */
  fallbackLoader: z.enum(FALLBACK_LOADERS).default('auto'),
  /** a file: it becomes an overlay over the template, which is served to whoever uses it; nothing is copied */
  served: z.boolean().default(false),
  /** what the disk will be plugged into where it starts; left out: as the target is now */
  bus: z.enum(DRIVER_BUSES).optional(),
  /** whether first file systems are made anew, with drivers of all kinds */
  drivers: z.enum(DRIVER_CHOICES).default('keep'),
  /** an ISO of the virtio-win project, whose drivers of disks are put into a Windows */
  virtioDrivers: path.optional(),
  /** this machine's firmware gets an entry for the disk, which is attached to it */
  efiEntry: z.boolean().default(false),
  /** what was written is started at the end, through an overlay; null: it is not */
  bootProof: BootChoiceSchema.nullable().default(null),
  ...identityChoice,
  ...rules,
};
/** Settings of one machine alone, beside those of all. */
const ownSettings = GuestSettingsSchema.partial();
/** Of a table with a row for each target. */
export const MAX_TABLE_BYTES = 1024 * 1024;
const deployStart = z.strictObject({
  planId: z.uuid(),
  confirm: z.string().max(4096).optional(),
  overwrite: z.boolean().default(false),
});

export const COMMANDS = {
  'app.info': {
    params: none,
    result: z.object({
      version: z.string(),
      catalogPath: z.string(),
      catalogFreeBytes: bytes,
      /** compressed bytes in the store */
      storeBytes: bytes,
      /** what starts this program with root's rights, for a shell; null: it has them, or nobody knows */
      commandAsRoot: z.string().nullable().default(null),
      platform: z.string(),
      samplePath: z.string().nullable(),
      /** of the person, also where root's rights were asked for */
      homePath: z.string(),
      /** where the person’s downloads lie; null: there is no such folder */
      downloadsPath: z.string().nullable().default(null),
      /** whether a disk that can be unplugged can be made ready for it */
      canTakeOut: z.boolean().default(false),
      /** whether folders can be shown to whoever sits at this machine */
      canShowFolders: z.boolean().default(false),
    }),
  },
  'device.list': { params: none, result: z.array(DeviceViewSchema) },
  /** Asks whoever is at work for the rights to read an attached disk, which can be looked at and captured from then on; changes nothing. */
  'rights.ask': { params: z.strictObject({ source: path }), result: none },
  /** Makes a disk ready to be unplugged. */
  'device.takeOut': { params: z.strictObject({ device: path }), result: z.object({}) },
  /** Reads the tables and file systems of a device or an image file, or those of a template; changes nothing. */
  'source.inspect': {
    params: z.strictObject({ source: path, format }),
    result: z.object({
      /** of several disks the first */
      source: RecordedPlaceViewSchema,
      /** what the file was read as; null for a template */
      format,
      disk: DiskViewSchema,
      /** all of them, in their order */
      disks: z.array(z.object({ source: RecordedPlaceViewSchema, disk: DiskViewSchema })).default([]),
      /** what is installed; null for a template that was captured before this was looked at */
      guest: GuestSchema.nullable(),
      /** the machine that it was captured from, for a template */
      machine: MachineProfileSchema.nullable(),
    }),
  },
  'preferences.show': { params: none, result: PreferencesViewSchema },
  'preferences.change': { params: PreferencesChangeSchema, result: PreferencesViewSchema },
  /** Folders and files of this machine, for choosing an image file: the browser face has no file dialog of its own. */
  'folder.list': {
    params: z.strictObject({ folder: path.nullable() }),
    result: z.object({ folder: z.string(), parent: z.string().nullable(), entries: z.array(FolderEntrySchema) }),
  },
  /** Shows a folder, or the one that a file is in, on the desktop of this machine. */
  'folder.show': { params: z.strictObject({ path }), result: z.object({}) },
  /** Makes one folder in another that is there. */
  'folder.make': {
    params: z.strictObject({
      folder: path,
      name: z
        .string()
        .min(1)
        .max(255)
        .refine((one) => !/[/\\\0]/.test(one) && one !== '.' && one !== '..', { error: 'file-name' }),
    }),
    result: z.object({ folder: z.string() }),
  },
  /** A password as /etc/shadow keeps it (SHA-512, another salt each time), so that no plan and no record ever holds the password itself. */
  'password.hash': {
    params: z.strictObject({
      password: z
        .string()
        .min(1)
        .max(1024)
        .regex(/^[^\0\r\n]*$/, { error: 'one-line' }),
    }),
    result: z.object({ hash: z.string() }),
  },
  'capture.plan': {
    params: z.strictObject({
      source: path,
      /** further disks of the same machine, in their order: all become one version */
      others: z
        .array(path)
        .max(MAX_DISKS - 1)
        .default([]),
      format,
      name: NameSchema,
      note: NoteSchema.default(''),
      tags: TagsSchema.default([]),
      kind: z.enum(KINDS).default('lab'),
      /** zstd level */
      level: z.number().int().min(1).max(19).default(3),
      /** what to do about sectors that cannot be read: give up, or put zeros in their place and mark the template */
      onUnreadable: z.enum(['stop', 'fill']).default('stop'),
      outside,
      /** a virtual machine that runs is shut down, captured and started again; null: it has to be off */
      shutDown: z
        .strictObject({ withinSeconds: ShutDownSecondsSchema.default(SHUT_DOWN_SECONDS) })
        .nullable()
        .default(null),
      /** disks of a virtual machine that are left out, by its names for them: 'vdb'. Its first one, which it starts from, always is in it */
      without: z.array(z.string().max(500)).max(1000).default([]),
      /** a machine that runs is captured as it is at one moment, and goes on */
      live: z.boolean().default(false),
      /**
       * a machine that is captured live: its hypervisor keeps account of what is written from that moment on, and the next version reads no more than
       * that; what nobody writes to: bitmaps of its qcow2 images tell what was written since an earlier version, where one was begun then
       */
      trackChanges: z.boolean().default(false),
      /** the version is started once it is stored, through an overlay; null: it is not */
      bootProof: BootChoiceSchema.nullable().default(null),
      ...rules,
    }),
    result: CapturePlanSchema,
  },
  'capture.start': { params: z.strictObject({ planId: z.uuid() }), result: started },
  'template.list': {
    params: z.strictObject({
      deleted: z.boolean().default(false),
      /** a page of the list: what changed last comes first */
      offset: z.number().int().nonnegative().default(0),
      limit: z.number().int().min(1).max(1_000_000).default(1_000_000),
    }),
    result: z.array(TemplateSummarySchema),
  },
  'template.show': { params: template, result: TemplateViewSchema },
  'template.edit': {
    params: z.strictObject({
      template: TemplateRefSchema,
      name: NameSchema.optional(),
      note: NoteSchema.optional(),
      tags: TagsSchema.optional(),
      status: z.enum(STATUSES).optional(),
      visibility: z.enum(VISIBILITIES).optional(),
      licence: z.enum(LICENCES).optional(),
      owner: z.string().trim().max(200).optional(),
      sharedWith: PeopleSchema.optional(),
      policy: PolicyIdSchema.nullable().optional(),
      /** what is edited, as it was when it was looked at: where somebody has changed that since, nothing is written */
      seen: z
        .partialRecord(z.enum(EDITED_FIELDS), z.union([z.string().max(10_000), z.array(z.string()), z.null()]))
        .optional(),
    }),
    result: TemplateViewSchema,
  },
  /** Into the bin: the whole template, or with `@VERSION` one version. Undone by `template.undelete` until a prune. */
  'template.delete': { params: template, result: TemplateViewSchema },
  'template.undelete': { params: template, result: TemplateViewSchema },
  /** What was added to a version: a picture, a console's text. */
  'template.attachment': {
    params: z.strictObject({ template: TemplateRefSchema, id: z.string().max(200) }),
    result: z.object({ base64: z.string() }),
  },
  'deploy.plan': {
    params: z.strictObject({
      ...deployPlan,
      target: path,
      settings: GuestSettingsSchema.optional(),
      /** of a target that is a new machine, which has one disk: of several, `deploy.planAll` has the plans */
      vm: VmChoiceSchema.optional(),
    }),
    result: DeployPlanSchema,
  },
  /**
   * A plan for each of several targets: of one disk to all of them, or of a template of several disks to as many targets, in their order.
   * A virtual machine that is to be made takes all disks, with a plan for each.
   */
  'deploy.planAll': {
    params: z.strictObject({
      ...deployPlan,
      targets: z.array(path).min(1).max(MAX_DEPLOYS),
      settings: SeveralSettingsSchema.optional(),
      /** for each target, in their order, what is other there than in `settings` */
      each: z.array(ownSettings).max(MAX_DEPLOYS).optional(),
      /** of targets that are machines */
      vm: VmChoiceSchema.optional(),
      /** so many machines of each name that counts: 'libvirt:lab-{n:02}' */
      count: z.number().int().min(1).max(MAX_DEPLOYS).default(1),
      /** the machines are there: their first disk is replaced, and nothing else of them */
      reload: z.boolean().default(false),
      /** it is renamed instead of erased */
      keepOldDisk: z.boolean().default(false),
    }),
    result: z.array(DeployPlanSchema),
  },
  /** What each of several machines gets: names and addresses counted. Plans nothing. */
  'settings.each': {
    params: z.strictObject({
      settings: SeveralSettingsSchema,
      machines: z.number().int().min(1).max(MAX_DEPLOYS),
      each: z.array(ownSettings).max(MAX_DEPLOYS).optional(),
    }),
    /** `checks`: what it would have in common with others */
    result: z.array(z.object({ settings: GuestSettingsSchema, checks: z.array(CheckSchema) })),
  },
  /** Reads a table with a row for each target: CSV, or YAML where its name says so. */
  'settings.read': {
    params: z.strictObject({ fileName: z.string().max(4096), text: z.string().max(MAX_TABLE_BYTES) }),
    result: z.array(z.object({ target: z.string(), settings: ownSettings })),
  },
  'deploy.start': {
    params: deployStart,
    result: started,
  },
  /**
   * Several deploys, each planned and agreed to, as one job with a part for each target: all are looked at again before the first of
   * them begins. They run side by side, as far as there are places.
   */
  'deploy.startAll': {
    params: z.strictObject({ starts: z.array(deployStart).min(1).max(MAX_DEPLOYS) }),
    result: started,
  },
  /** The volumes of a template that `files.list` can open, and why it cannot open the others. */
  'files.volumes': {
    params: z.strictObject({ template: TemplateRefSchema, disk }),
    result: z.array(FileVolumeViewSchema),
  },
  'files.list': {
    params: z.strictObject({
      template: TemplateRefSchema,
      disk,
      volume: VolumeRefSchema,
      path: FilePathSchema,
      sort: z.enum(['name', 'size', 'modified']).default('name'),
      isDescending: z.boolean().default(false),
      offset: z.number().int().nonnegative().default(0),
      limit: z.number().int().min(1).max(10_000).default(1000),
    }),
    /** folders first; of a file the file itself is the only entry */
    result: z.object({
      self: FileEntryViewSchema,
      entries: z.array(FileEntryViewSchema),
      total: z.number().int().nonnegative(),
      /** the folder holds more than can be listed */
      isCut: z.boolean(),
      /** so many of `total` are not valid text and are shown with `\xNN` or `\uNNNN`, by which they are found too */
      escapedNames: z.number().int().nonnegative().default(0),
    }),
  },
  /** A piece of a file's content, for previews. */
  'files.read': {
    params: z.strictObject({
      template: TemplateRefSchema,
      disk,
      volume: VolumeRefSchema,
      path: FilePathSchema,
      offsetBytes: bytes.default(0),
      maxBytes: z
        .number()
        .int()
        .min(1)
        .max(4 * 1024 * 1024)
        .default(65_536),
    }),
    result: z.object({ lengthBytes: bytes, base64: z.string() }),
  },
  /** Copies a file or a folder out of a template, under its own name into `destination`. */
  'files.extract': {
    params: z.strictObject({
      template: TemplateRefSchema,
      disk,
      volume: VolumeRefSchema,
      path: FilePathSchema,
      destination: path,
    }),
    result: started,
  },
  /** What differs between the files of two versions, on all disks where none is named. Takes as long as reading what may have changed; can be cancelled. */
  'files.compare': {
    params: z.strictObject({ before: TemplateRefSchema, after: TemplateRefSchema, disk }),
    result: ComparisonSchema,
  },
  /** Looks at an image file, an archive or a folder of Clonezilla's: what it is, and what it holds. Nothing is unpacked. */
  'import.look': { params: z.strictObject(image), result: ImportViewSchema },
  'import.plan': {
    params: z.strictObject({
      ...image,
      name: NameSchema,
      note: NoteSchema.default(''),
      tags: TagsSchema.default([]),
      kind: z.enum(KINDS).default('lab'),
      level: z.number().int().min(1).max(19).default(3),
      licence: z.enum(LICENCES).default('none'),
      outside,
      /** what the person says of it; what is left out is taken from inspection */
      operatingSystem: z.string().max(200).optional(),
      bootMode: z.enum(FIRMWARES).optional(),
      hasCloudInit: z.boolean().optional(),
      /** limits against bombs, where the usual ones are too tight */
      maxUnpackedBytes: bytes.optional(),
      maxRatio: z.number().min(1).max(1e9).optional(),
      /** the version is started once it is stored, through an overlay; null: it is not */
      bootProof: BootChoiceSchema.nullable().default(null),
      ...rules,
    }),
    result: ImportPlanSchema,
  },
  'import.start': { params: z.strictObject({ planId: z.uuid() }), result: started },
  /** Room for files that a page will send: one file, or a folder. They are gone when nobody waits for them or needs them any more. */
  'upload.begin': {
    params: z.strictObject({ files: z.array(UploadFileSchema).max(100_000) }),
    result: z.object({ uploadId: z.uuid() }),
  },
  /** The next piece of one of its files; each file from its start to its end. */
  'upload.write': {
    params: z.strictObject({
      uploadId: z.uuid(),
      /** by its place in the list, from 0 */
      file: z.number().int().nonnegative(),
      offsetBytes: bytes,
      piece: PieceSchema,
    }),
    result: z.object({}),
  },
  /** Ends when all of it has arrived. Whoever does not wait any more, or is gone, does not want it: it is removed. */
  'upload.wait': {
    params: z.strictObject({ uploadId: z.uuid() }),
    /** of the file or the folder */
    result: z.object({ path: z.string() }),
  },
  /** It is needed no more; what a job still reads goes when that ends. */
  'upload.drop': { params: z.strictObject({ uploadId: z.uuid() }), result: z.object({}) },
  'export.plan': {
    params: z.strictObject({
      template: TemplateRefSchema,
      /** all where it is not said: in one file where the format has room for them, else in a file for each; a package always takes all */
      disk,
      format: z.enum(EXPORT_FORMATS),
      /** a folder, or the file to be made in one; of several files each gets the number of its disk: 'lab.qcow2' becomes 'lab-disk1.qcow2'… */
      path,
      /** packages only: encrypts it, its list of contents too */
      password: z.string().min(1).max(1024).nullable().default(null),
    }),
    result: ExportPlanSchema,
  },
  'export.start': {
    params: z.strictObject({ planId: z.uuid(), overwrite: z.boolean().default(false) }),
    result: started,
  },
  /**
   * Starts a disk in a virtual machine of its own, without a network, and waits for a sign that it has come up; changes nothing of it. The
   * job fails with what was seen where the sign does not come.
   */
  'boot.start': {
    /** `subject`: a template, an image file or an attached disk */
    params: z.strictObject({ subject: path, format, ...BootChoiceSchema.shape }),
    result: started,
  },
  /** What the machine of a boot proof showed and said at its end: of the last few of this catalog. */
  'boot.evidence': {
    /** a job's id; of a deploy to several targets the plan's of one: `parts[].planId` */
    params: z.strictObject({ jobId: z.uuid() }),
    result: BootEvidenceSchema,
  },
  /**
   * Serves a disk of a version to other programs, read-only, until it is closed: on a Unix socket in a folder of its own, on one with a
   * chosen name, or on a port of the loopback address.
   */
  'nbd.open': {
    params: z.strictObject({
      template: TemplateRefSchema,
      disk,
      socket: path.optional(),
      /** 0: any that is free */
      port: z.number().int().min(0).max(65_535).optional(),
    }),
    result: NbdViewSchema,
  },
  'nbd.list': { params: none, result: z.array(NbdViewSchema) },
  'nbd.close': { params: z.strictObject({ id: z.uuid() }), result: z.object({}) },
  /** The virtual machines of every hypervisor that this machine has programs for, and of the hosts that were named. */
  'vm.list': {
    /** null: of this machine alone; a host: of that one alone; absent: of all */
    params: z.strictObject({ host: HostAddressSchema.nullable().optional() }),
    result: z.array(HypervisorViewSchema),
  },
  /** One of them, by its place: 'libvirt:NAME'. */
  'vm.show': { params: z.strictObject({ place: vmPlace }), result: VmSchema },
  /** The machines that need a template of the catalog, since their disks lie over it. */
  'vm.served': { params: none, result: z.array(ServedMachineViewSchema) },
  /** Brings what one of them has of its template into its own disks: it needs the template no more. */
  'vm.stream': { params: z.strictObject({ id: z.uuid() }), result: started },
  /** What jobs whose process is gone still owe, once an engine has tried to do it. */
  'pledge.list': { params: none, result: z.array(PledgeViewSchema) },
  /** Tries once more. */
  'pledge.keep': { params: z.strictObject({ id: z.uuid() }), result: z.object({}) },
  /** It is not owed any more: a person did it, or gives it up. */
  'pledge.drop': { params: z.strictObject({ id: z.uuid() }), result: z.object({}) },
  /** Starts a machine that is off. */
  'vm.start': { params: z.strictObject({ place: vmPlace }), result: VmSchema },
  /** Has its guest shut down, and waits until it has. */
  'vm.stop': {
    params: z.strictObject({
      place: vmPlace,
      withinSeconds: ShutDownSecondsSchema.default(SHUT_DOWN_SECONDS),
      /** the plug is pulled: what the guest has not written is lost. Its name has to be repeated as `confirm` */
      hard: z.boolean().default(false),
      confirm: z.string().max(500).optional(),
    }),
    result: VmSchema,
  },
  /** Hosts whose libvirt is asked over ssh whenever machines are listed. */
  'host.list': { params: none, result: z.array(HostAddressSchema) },
  'host.save': { params: z.strictObject({ host: HostAddressSchema }), result: z.array(HostAddressSchema) },
  'host.delete': { params: z.strictObject({ host: HostAddressSchema }), result: z.array(HostAddressSchema) },
  /** The report of the rules for a capture of a source, or a deploy of a template; changes nothing. */
  'report.check': {
    params: z.strictObject({
      /** a device, an image file or a template */
      subject: path,
      format,
      /** of a template, its own kind where it is not given; of a source, lab */
      kind: z.enum(KINDS).optional(),
      /** where a template would go */
      target: path.optional(),
      ...rules,
    }),
    result: ReportSchema,
  },
  /** A report as a file to keep or send. */
  'report.document': {
    params: z.strictObject({
      report: ReportSchema,
      format: z.enum(['html', 'pdf']),
      language: z.enum(['en', 'fr']),
    }),
    result: z.object({ fileName: z.string(), mediaType: z.string(), base64: z.string() }),
  },
  /** Plans of deploys, as they were given, as a file to keep or send. */
  'plan.document': {
    params: z.strictObject({
      plans: z.array(DeployPlanSchema).min(1).max(MAX_DEPLOYS),
      format: z.enum(['text', 'html', 'pdf']),
      language: z.enum(['en', 'fr']),
    }),
    result: z.object({ fileName: z.string(), mediaType: z.string(), base64: z.string() }),
  },
  'policy.list': {
    params: none,
    /** `refused`: files of a lab's own with an error, which do not count */
    result: z.object({ policies: z.array(PolicyViewSchema), folder: z.string(), refused: z.array(ErrorViewSchema) }),
  },
  'policy.show': {
    params: z.strictObject({ policy: PolicyIdSchema }),
    /** its rules, those of the policies that it includes first */
    result: z.object({ policy: PolicyViewSchema, rules: z.array(RuleViewSchema) }),
  },
  /** The profile of the machine that the engine runs on. */
  'machine.probe': { params: none, result: MachineProfileSchema },
  /** Profiles that were saved beside the catalog, by name. */
  'machine.list': { params: none, result: z.array(MachineProfileSchema) },
  /** Files beside them that are no profiles, or are damaged, each with what is wrong. */
  'machine.refused': { params: none, result: z.array(ErrorViewSchema) },
  /** Reads the file of a profile; saves nothing. */
  'machine.read': { params: z.strictObject({ path }), result: MachineProfileSchema },
  'machine.save': {
    params: z.strictObject({
      profile: MachineProfileSchema,
      replace: z.boolean().default(false),
      /** what is edited, as it was when it was looked at: where somebody has changed it since, nothing is written; a profile of another name takes its place */
      seen: MachineProfileSchema.optional(),
    }),
    result: MachineProfileSchema,
  },
  'machine.delete': { params: z.strictObject({ name: z.string().min(1).max(128) }), result: z.object({}) },
  'verify.start': { params: z.strictObject({ template: TemplateRefSchema.nullable() }), result: started },
  'prune.start': { params: none, result: started },
  'repair.start': { params: none, result: started },
  'job.list': { params: none, result: z.array(JobViewSchema) },
  'job.show': { params: z.strictObject({ jobId: z.uuid() }), result: JobViewSchema },
  'job.cancel': { params: z.strictObject({ jobId: z.uuid() }), result: JobViewSchema },
  'log.list': {
    params: z.strictObject({ limit: z.number().int().min(1).max(10_000).default(200) }),
    result: z.array(LogEntrySchema),
  },
} as const;

export type CommandName = keyof typeof COMMANDS;
/** Parameters as a caller writes them: what has a default may be left out. */
export type CommandParams<C extends CommandName> = z.input<(typeof COMMANDS)[C]['params']>;
/** Parameters as the engine gets them, after validation. */
export type CheckedParams<C extends CommandName> = z.output<(typeof COMMANDS)[C]['params']>;
export type CommandResult<C extends CommandName> = z.output<(typeof COMMANDS)[C]['result']>;

/** What can be subscribed to. `jobs`: every change of any job of this engine. `catalog`: something in it changed. `preferences`: as they are now. */
export const TOPICS = {
  jobs: JobViewSchema,
  catalog: z.object({ templateId: z.uuid().nullable() }),
  preferences: PreferencesViewSchema,
} as const;
export type TopicName = keyof typeof TOPICS;
export type TopicEvent<T extends TopicName> = z.output<(typeof TOPICS)[T]>;
