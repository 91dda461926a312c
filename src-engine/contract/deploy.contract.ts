/** What a deploy may change on the way: volumes, the guest's identity, its configuration. */
import { z } from 'zod';
import { bytes } from './disk.contract.ts';
import { DataSchema } from './errors.ts';
import { orUnknown } from './open-words.ts';
import { CHECK_CODES } from './warnings.ts';

/** What becomes of one volume's length. `shrink`: as little as what it holds needs. */
export const VOLUME_SIZES = ['grow', 'keep', 'shrink'] as const;
export const VolumeChoiceSchema = z.strictObject({
  /** a partition's number as text, or `GROUP/NAME` */
  volume: z.string().min(1).max(300),
  size: z.union([z.enum(VOLUME_SIZES), bytes]),
});
export type VolumeChoice = z.infer<typeof VolumeChoiceSchema>;

/** How a volume gets its new length. Words: `cli.volume-method.METHOD`. */
export const VOLUME_METHODS = [
  /** as it is; its place may be another one */
  'kept',
  /** its file system's own program, on the target */
  'in-place',
  /** its file system's own program, on a sparse copy in scratch space, before it is written */
  'scratch',
  /** a new file system, into which its files are copied */
  'rebuilt',
  /** made anew: it holds nothing */
  'made',
  /** the volumes that lie on it are put one behind the other */
  'repacked',
] as const;

/** Why a volume does not get another length; words: `check.CODE`. */
export const LengthRefusalViewSchema = z.object({ code: z.enum(CHECK_CODES), data: DataSchema });
export type LengthRefusalView = z.infer<typeof LengthRefusalViewSchema>;

/** One volume of a planned deploy, before and after. */
export const VolumePlanSchema = z.object({
  volume: z.string(),
  beforeStartBytes: bytes,
  beforeBytes: bytes,
  /** the least that it can become: what its content needs, as far as that is known */
  minimumBytes: bytes,
  /** why it cannot become longer, or shorter, here; left out: it can */
  cannotGrow: LengthRefusalViewSchema.optional(),
  cannotShrink: LengthRefusalViewSchema.optional(),
  startBytes: bytes,
  lengthBytes: bytes,
  method: z.enum(VOLUME_METHODS),
  /** it is one of a mirror (MD RAID 1), whose array gets its length, and what is on that; left out: it is none */
  isMirror: z.boolean().optional(),
  /** programs that do it, each to be installed */
  tools: z.array(z.string()),
  needsRoot: z.boolean(),
  /** room in the catalog's scratch folder that it takes meanwhile */
  scratchBytes: bytes,
  /** a guess, for the time that is shown */
  seconds: z.number().nonnegative(),
});
export type VolumePlan = z.infer<typeof VolumePlanSchema>;

/** What a fresh identity removes or makes anew; each can be kept. Words: `identity.THING`. */
export const IDENTITY_THINGS = [
  'machine-id',
  'ssh-host-keys',
  'random-seed',
  'dhcp-leases',
  'net-rules',
  'logs',
  'histories',
  'crash-dumps',
  'package-caches',
  'mail',
  'cloud-init-state',
  'temporary-files',
  'file-system-uuids',
  'disk-ids',
  'lvm-uuids',
] as const;
export type IdentityThing = (typeof IDENTITY_THINGS)[number];

/** RFC 1123, section 2.1: letters, digits and hyphens, 63 at most. */
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
export const HostNameSchema = z
  .string()
  .max(253)
  .regex(new RegExp(`^${label}(?:\\.${label})*$`), { error: 'host-name' });

const ipv4Prefix = z.cidrv4();
const ipv6Prefix = z.cidrv6();

export const NetworkCardSchema = z.strictObject({
  /** its name (`eth0`), its MAC address, or its place among the cards: `1` */
  card: z
    .string()
    .regex(/^(?:[A-Za-z0-9][A-Za-z0-9._-]{0,14}|[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})$/, { error: 'card' }),
  ipv4: z.union([
    z.literal('dhcp'),
    z.literal('none'),
    z.strictObject({ addresses: z.array(ipv4Prefix).min(1).max(16), gateway: z.ipv4().optional() }),
  ]),
  ipv6: z.union([
    z.literal('auto'),
    z.literal('none'),
    z.strictObject({ addresses: z.array(ipv6Prefix).min(1).max(16), gateway: z.ipv6().optional() }),
  ]),
  dns: z
    .array(z.union([z.ipv4(), z.ipv6()]))
    .max(8)
    .default([]),
  searchDomains: z.array(HostNameSchema).max(8).default([]),
});
export type NetworkCard = z.infer<typeof NetworkCardSchema>;

/** As useradd(8) takes them everywhere. */
const userName = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, { error: 'user-name' });

export const UserSettingSchema = z.strictObject({
  name: userName,
  /** as crypt(5) writes it; faces have `password.hash` make it, so that no plan holds a password */
  passwordHash: z
    .string()
    .max(200)
    .regex(/^\$[a-z0-9]+\$[./A-Za-z0-9$=,]+$/, { error: 'password-hash' })
    .optional(),
  /** lines of an authorized_keys file, of one key each */
  sshKeys: z
    .array(
      z
        .string()
        .max(16_384)
        .regex(/^[^\r\n\0]+$/, { error: 'one-line' }),
    )
    .max(64)
    .default([]),
  groups: z.array(userName).max(32).default([]),
});
export type UserSetting = z.infer<typeof UserSettingSchema>;

const guestPath = z
  .string()
  .min(2)
  .max(4096)
  .regex(/^\/[^\0\r\n]*$/, { error: 'path-in-guest' });
const fileBytes = z.base64().max(16 * 1024 * 1024);

/** A file to put into the guest. */
export const FileSettingSchema = z.strictObject({
  path: guestPath,
  base64: fileBytes,
  mode: z.number().int().min(0).max(0o7777).default(0o644),
});

/** A script that the guest runs once, at its first start, as root; its log is /var/log/diskpress-NAME.log. */
export const FirstBootSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, { error: 'script-name' }),
  base64: fileBytes,
});

export const GuestSettingsSchema = z.strictObject({
  hostname: HostNameSchema.optional(),
  domain: HostNameSchema.optional(),
  network: z.array(NetworkCardSchema).max(32).default([]),
  users: z.array(UserSettingSchema).max(64).default([]),
  /** a name of the tz database: `Europe/Paris` */
  timezone: z
    .string()
    .max(64)
    .regex(/^[A-Za-z0-9_+-]+(?:\/[A-Za-z0-9_+-]+){0,2}$/, { error: 'time-zone' })
    .optional(),
  /** `fr_FR.UTF-8` */
  locale: z
    .string()
    .max(64)
    .regex(/^[A-Za-z0-9_.@-]+$/, { error: 'locale' })
    .optional(),
  /** an XKB layout, with a variant behind a colon: `fr`, `ch:fr` */
  keyboard: z
    .string()
    .max(64)
    .regex(/^[a-z]{2,8}(?::[A-Za-z0-9_-]+)?$/, { error: 'keyboard' })
    .optional(),
  files: z.array(FileSettingSchema).max(256).default([]),
  firstBoot: z.array(FirstBootSchema).max(32).default([]),
});
export type GuestSettings = z.infer<typeof GuestSettingsSchema>;

/** How a guest was set up when it was captured: what it goes on with where nothing else is said. '': it is not known. */
export const RecordedSettingsSchema = z.object({
  hostname: z.string(),
  domain: z.string(),
  timezone: z.string(),
  locale: z.string(),
  keyboard: z.string(),
  network: z.array(NetworkCardSchema),
  /** people who can log in */
  users: z.array(z.string()),
});
export type RecordedSettings = z.infer<typeof RecordedSettingsSchema>;

/** What a change of the guest is for. Words: `guestChange.reason.REASON`. */
export const CHANGE_REASONS = [
  'hostname',
  'network',
  'users',
  'timezone',
  'locale',
  'keyboard',
  'files',
  'first-boot',
  'cloud-init',
  'windows-setup',
  'selinux',
  'boot',
  'drivers',
  'group-name',
  ...IDENTITY_THINGS,
] as const;
export type ChangeReason = (typeof CHANGE_REASONS)[number];

/** How a setting is done in a guest, and why it cannot be. Words: `setting.CODE`. */
export const SETTING_CODES = [
  // how
  'written-to',
  'network-card',
  'network-card-named',
  'network-card-only',
  'network-card-nth',
  'user-made',
  'user-changed',
  'user-cannot-log-in',
  'ssh-keys-added',
  'sudo-rule-added',
  'locale-at-first-boot',
  'first-boot-systemd',
  'first-boot-sysv',
  'first-boot-openrc',
  'cloud-init-seeded',
  'cloud-init-off',
  'windows-by-setup',
  'selinux-relabel',
  'machine-id-at-boot',
  'machine-id-by-dbus',
  'other-systems-keep',
  'registrations-removed',
  'ids-made-anew',
  'ids-written',
  'secrets-shared',
  'ssh-keys-by-guest',
  'ssh-keys-by-unit',
  'cards-freed',
  'cleared',
  'nothing-there',
  'ids-renewed',
  'firmware-entries',
  // why not
  'hostname-unknown',
  'no-network-system',
  'card-twice',
  'card-place',
  'card-not-by-mac',
  'card-order-unknown',
  'card-bound-by-mac',
  'account-line',
  'no-free-id',
  'hash-unknown',
  'groups-missing',
  'sudo-missing',
  'sudo-no-rule',
  'sudo-needs-password',
  'link-in-home',
  'ssh-keys-read-elsewhere',
  'ssh-refuses-user',
  'ssh-server-missing',
  'ssh-keys-elsewhere',
  'ssh-keygen-missing',
  'timezone-missing',
  'locale-missing',
  'keymap-missing',
  'no-service-manager',
  'first-boot-line-ends',
  'selinux-no-relabel',
  'windows-not-generalised',
  'windows-architecture',
  'windows-name',
  'windows-user',
  'windows-script',
  'windows-identity',
  'id-kept-binary',
  'id-kept-boot-store',
  'id-kept-checksum',
  'id-kept-damaged',
  'id-kept-encrypted',
  'id-kept-external-journal',
  'id-kept-file-name',
  'id-kept-file-unreadable',
  'id-kept-grub-core',
  'id-kept-grub-core-unknown',
  'id-kept-guest-too-old',
  'id-kept-half',
  'id-kept-hibernated',
  'id-kept-initramfs',
  'id-kept-kernel-unknown',
  'id-kept-needs-root',
  'id-kept-no-way',
  'id-kept-not-read',
  'id-kept-not-written',
  'id-kept-scattered',
  'id-kept-several-disks',
  'id-kept-signed',
  'id-kept-snapshot',
  'id-kept-stable-inodes',
  'id-kept-tool-missing',
  'id-kept-twice',
  'id-kept-volume-damaged',
  'id-kept-windows',
  'file-path',
  'file-written-twice',
  'file-volatile',
  'file-missing',
  'file-not-regular',
  'file-unreadable',
  'file-too-long',
  'yaml-unreadable',
  'link-leads-nowhere',
  'volume-not-reached',
  'too-many-files',
] as const;
export type SettingCode = (typeof SETTING_CODES)[number];

/** How one setting will be done in this guest, or why it cannot be. Words: `setting.CODE`. */
export const SettingNoteSchema = z.object({
  reason: z.enum(CHANGE_REASONS),
  isPossible: z.boolean(),
  /** how, or why not: one of {@link SETTING_CODES}, or of a later Diskpress */
  code: z.string(),
  data: DataSchema,
});
export type SettingNote = z.infer<typeof SettingNoteSchema>;

/** Words: `guestChange.kind.KIND`. */
export const GUEST_CHANGE_KINDS = ['write', 'remove', 'empty', 'link', 'folder'] as const;

/** A change to one file inside the guest, as plans and jobs tell it. */
export const GuestChangeViewSchema = z.object({
  reason: z.enum(CHANGE_REASONS),
  kind: z.enum(GUEST_CHANGE_KINDS),
  volume: z.string(),
  /** as the guest sees it */
  path: z.string(),
  /** of a text, what it was and what it is; null where it is no text, was not there, or is not shown (passwords, keys) */
  before: z.string().nullable(),
  after: z.string().nullable(),
});
export type GuestChangeView = z.infer<typeof GuestChangeViewSchema>;

/** What an identifier is of. Words: `idOwner.OWNER`. */
export const ID_OWNERS = [
  'disk',
  'partition',
  'file-system',
  'physical-volume',
  'volume-group',
  'volume-group-name',
  'logical-volume',
] as const;
export type IdOwner = (typeof ID_OWNERS)[number];

/** What changes identifiers: a fresh identity, and another name for a group. */
export const RENEWAL_REASONS = ['group-name', ...IDENTITY_THINGS] as const;
export type RenewalReason = (typeof RENEWAL_REASONS)[number];

/** An identifier that stands in no file: of a table, a file system, LVM. */
export const IdentifierChangeSchema = z.object({
  reason: z.enum(RENEWAL_REASONS),
  of: z.enum(ID_OWNERS),
  /** the number of a partition, '0' where the whole disk is a volume, `GROUP/NAME`, a group's name; '' for the disk */
  volume: z.string(),
  before: z.string(),
  after: z.string(),
});
export type IdentifierChange = z.infer<typeof IdentifierChangeSchema>;

/** What becomes of a guest's identity. */
export const IDENTITIES = ['fresh', 'keep'] as const;

/** Why it becomes that. Words: `identityPlan.REASON`. */
export const IDENTITY_REASONS = [
  /** somebody said so */
  'asked',
  /** the bytes as captured */
  'exact',
  /** fresh: another machine than the one that was captured, or it is not known to be the same */
  'deployment',
  /** fresh: the target holds a machine that an earlier deploy made of this template; its own identity is not carried over */
  'deployed-before',
  /** kept: the target is the disk, or the file, that this was captured from */
  'source',
  /** kept: the target holds this machine already, of this or of another version */
  'same-machine',
  /** kept: a deploy that kept it was interrupted on this target */
  'goes-on',
  /** kept: there is no system in which something could be renewed */
  'nothing-to-renew',
  /** kept: no system is seen, and one may lie in what cannot be looked into */
  'not-looked-into',
  /** kept: this machine, or this guest, does not let it be renewed; `data` as of the check that says so */
  'lacking',
] as const;

/** What becomes of a guest's identity in a deploy, and why. */
export const IdentityPlanSchema = z.object({
  becomes: z.enum(IDENTITIES),
  because: orUnknown(IDENTITY_REASONS),
  data: DataSchema,
});
export type IdentityPlan = z.infer<typeof IdentityPlanSchema>;

/** lvm(8), VALID NAMES; not those of folders in /dev, in which groups have theirs. */
const groupName = z
  .string()
  .regex(/^(?!(?:mapper|disk|block|char|bus|input|md|net|pts|shm)$)[A-Za-z0-9_][A-Za-z0-9+_.-]{0,62}$/, {
    error: 'group-name',
  });
/** A volume group of LVM2 that is to be called otherwise on the target, wherever it is named there. */
export const GroupNameSchema = z.strictObject({ group: z.string().min(1).max(127), name: groupName });
export type GroupName = z.infer<typeof GroupNameSchema>;

/** Of a host name for several machines: `lab-{n}`, `lab-{n:02}` with zeros in front. */
export const COUNTED = /\{n(?::(0?)([1-9]))?\}/g;

/** The name of one of several machines. @param number of it, from 1 */
export const countedName = (pattern: string, number: number): string =>
  pattern.replace(COUNTED, (_, zeros: string, digits: string) =>
    String(number).padStart(Number(digits || 1), zeros ? '0' : ''),
  );

export const HostNamePatternSchema = z
  .string()
  .max(253)
  .refine((pattern) => HostNameSchema.safeParse(pattern.replace(COUNTED, '1')).success, { error: 'host-name' });

/** As {@link GuestSettingsSchema}, for several machines: names count, and a static address counts up from the first machine's. */
export const SeveralSettingsSchema = GuestSettingsSchema.extend({ hostname: HostNamePatternSchema.optional() });
export type SeveralSettings = z.infer<typeof SeveralSettingsSchema>;

export const identityChoice = {
  /** left out: fresh for another machine, kept where the target is the same one again; the plan says which, and why */
  identity: z.enum(IDENTITIES).optional(),
  /** what stays of a fresh identity */
  keep: z.array(z.enum(IDENTITY_THINGS)).max(IDENTITY_THINGS.length).default([]),
  groupNames: z.array(GroupNameSchema).max(32).default([]),
};

/** What a deploy changed inside, as a walk over the target's files finds it; everything else there is the template's. */
export const InsideChangesSchema = z.object({
  /** those that are listed: not all where they are very many */
  changes: z.array(
    GuestChangeViewSchema.extend({ reason: orUnknown(CHANGE_REASONS), kind: orUnknown(GUEST_CHANGE_KINDS) }),
  ),
  /** of table, file systems and LVM, with what they were */
  identifiers: z
    .array(IdentifierChangeSchema.extend({ reason: orUnknown(RENEWAL_REASONS), of: orUnknown(ID_OWNERS) }))
    .default([]),
  changedFiles: z.number().int().nonnegative(),
  /** of the volumes that were changed: files that are the template's, and how long they are together */
  sameFiles: z.number().int().nonnegative(),
  sameBytes: bytes,
});
export type InsideChanges = z.infer<typeof InsideChangesSchema>;
