/** What a person says of the inside of a guest: identity and settings. What cannot be as it is typed is named, not sent. */
import {
  FileSettingSchema,
  FirstBootSchema,
  GroupNameSchema,
  HostNamePatternSchema,
  type IDENTITIES,
  NetworkCardSchema,
  type NetworkCard,
  SeveralSettingsSchema,
  UserSettingSchema,
  type GroupName,
  type IdentityThing,
  type RecordedSettings,
  type SeveralSettings,
} from '../../../../src-engine/contract/index.ts';

export interface CardForm {
  readonly id: number;
  card: string;
  ipv4: 'dhcp' | 'none' | 'static';
  /** with commas between them, as all lists here */
  addresses4: string;
  gateway4: string;
  ipv6: 'auto' | 'none' | 'static';
  addresses6: string;
  gateway6: string;
  dns: string;
  search: string;
}

export interface UserForm {
  readonly id: number;
  name: string;
  /** null: none, or the one that is there */
  passwordHash: string | null;
  /** a key in each line */
  sshKeys: string;
  groups: string;
}

/** A file of this person's, read by the page. */
export interface FileForm {
  readonly id: number;
  /** its own name */
  fileName: string;
  lengthBytes: number;
  base64: string;
  /** where in the guest, or under which name */
  path: string;
  /** octal */
  mode: string;
}

export const NAMED = ['hostname', 'domain', 'timezone', 'locale', 'keyboard'] as const;

export interface InsideForm {
  /** `auto`: as each target needs it */
  identity: (typeof IDENTITIES)[number] | 'auto';
  keep: IdentityThing[];
  /** by volume group, what it is to be called; left out or empty: as it is */
  groupNames: Record<string, string>;
  hostname: string;
  domain: string;
  timezone: string;
  locale: string;
  keyboard: string;
  cards: CardForm[];
  users: UserForm[];
  files: FileForm[];
  firstBoot: FileForm[];
  /** the path of an ISO with drivers of virtio for a Windows; '': none */
  virtioDrivers: string;
  /** what the guest was captured with; null: it is not known */
  recorded: RecordedSettings | null;
}

export const newInside = (): InsideForm => ({
  ...{ identity: 'auto', keep: [], groupNames: {} },
  ...{ hostname: '', domain: '', timezone: '', locale: '', keyboard: '' },
  ...{ cards: [], users: [], files: [], firstBoot: [], virtioDrivers: '', recorded: null },
});

/** Whether a field shows what the guest was captured with. */
export const isAsCaptured = (form: InsideForm, field: (typeof NAMED)[number]): boolean =>
  form[field] !== '' && form[field] === form.recorded?.[field];

let lastId = 0;
export const newCard = (place: number): CardForm => ({
  ...{ id: ++lastId, card: String(place), ipv4: 'dhcp', addresses4: '', gateway4: '' },
  ...{ ipv6: 'auto', addresses6: '', gateway6: '', dns: '', search: '' },
});
export const newUser = (): UserForm => ({ id: ++lastId, name: '', passwordHash: null, sshKeys: '', groups: '' });
export const newFile = (fileName: string, lengthBytes: number, base64: string, path: string): FileForm => ({
  ...{ id: ++lastId, fileName, lengthBytes, base64, path, mode: '644' },
});

/** A place in the form where something stands that cannot be: `hostname`, `card-3-dns`. */
export type Fault = string;

export interface Said {
  /** what can be sent; null: nothing was said */
  readonly settings: SeveralSettings | null;
  readonly faults: ReadonlySet<Fault>;
}

const listOf = (text: string) => text.split(/[\s,;]+/).filter((one) => one !== '');

/** sshd(8), AUTHORIZED_KEYS FILE FORMAT: options, if any, the type, the key in base64, a comment. */
const SSH_KEY = /^(?:[^\r\n\0]* )?(?:ssh|ecdsa|sk)-[a-z0-9@.-]+ AAAA[0-9A-Za-z+/=]{16,}(?: [^\r\n\0]*)?$/;

const keysOf = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));

export function settingsSaid(form: InsideForm): Said {
  const faults = new Set<Fault>();
  const said: Partial<SeveralSettings> = {};
  for (const field of NAMED) {
    const value = form[field].trim();
    // what is left as it was captured is no change
    if (value === '' || value === form.recorded?.[field]) continue;
    const schema = field === 'hostname' ? HostNamePatternSchema : SeveralSettingsSchema.shape[field];
    if (schema.safeParse(value).success) said[field] = value;
    else faults.add(field);
  }
  const network = form.cards.flatMap((card) => cardOf(card, faults)).filter((card) => !isRecorded(card, form));
  const users = form.users.flatMap((user) => userOf(user, faults)).filter((user) => !isUnchanged(user, form));
  const files = form.files.flatMap((file) => {
    const mode = /^[0-7]{3,4}$/.test(file.mode.trim()) ? parseInt(file.mode, 8) : -1;
    const parsed = FileSettingSchema.safeParse({ path: file.path.trim(), base64: file.base64, mode });
    if (mode < 0) faults.add(`file-${file.id}-mode`);
    else if (!parsed.success) faults.add(`file-${file.id}-path`);
    return parsed.data ?? [];
  });
  const firstBoot = form.firstBoot.flatMap((file) => {
    const parsed = FirstBootSchema.safeParse({ name: file.path.trim(), base64: file.base64 });
    if (!parsed.success) faults.add(`file-${file.id}-path`);
    return parsed.data ?? [];
  });
  for (const { group, name } of newNames(form)) {
    if (!GroupNameSchema.safeParse({ group, name }).success) faults.add(`group-${group}`);
  }
  const isNothing = [network, users, files, firstBoot, Object.keys(said)].every(({ length }) => length === 0);
  return { settings: isNothing ? null : { ...said, network, users, files, firstBoot }, faults };
}

function isRecorded(card: NetworkCard, { recorded }: InsideForm): boolean {
  const before = recorded?.network.find((one) => one.card === card.card);
  const { shape } = NetworkCardSchema;
  return before !== undefined && Object.keys(shape).every((key) => same(before, card, key as keyof typeof shape));
}

const same = <K extends keyof NetworkCard>(a: NetworkCard, b: NetworkCard, key: K) =>
  JSON.stringify(a[key]) === JSON.stringify(b[key]);

/** Somebody who is there, of whom nothing else is said. */
const isUnchanged = (
  { name, passwordHash, sshKeys, groups }: SeveralSettings['users'][number],
  { recorded }: InsideForm,
) => recorded?.users.includes(name) === true && !passwordHash && sshKeys.length === 0 && groups.length === 0;

const newNames = ({ groupNames }: InsideForm) =>
  Object.entries(groupNames)
    .map(([group, name]) => ({ group, name: name.trim() }))
    .filter(({ group, name }) => name !== '' && name !== group);

/** Names of volume groups that can be sent. */
export const groupNamesSaid = (form: InsideForm): GroupName[] =>
  newNames(form).filter((one) => GroupNameSchema.safeParse(one).success);

function cardOf(form: CardForm, faults: Set<Fault>): SeveralSettings['network'] {
  const at = (field: string) => `card-${form.id}-${field}`;
  const gateway = (text: string) => (text.trim() === '' ? {} : { gateway: text.trim() });
  const ipv4 = form.ipv4 === 'static' ? { addresses: listOf(form.addresses4), ...gateway(form.gateway4) } : form.ipv4;
  const ipv6 = form.ipv6 === 'static' ? { addresses: listOf(form.addresses6), ...gateway(form.gateway6) } : form.ipv6;
  const card = { card: form.card.trim(), ipv4, ipv6, dns: listOf(form.dns), searchDomains: listOf(form.search) };
  const { data, error } = NetworkCardSchema.safeParse(card);
  if (data) return [data];
  const { shape } = NetworkCardSchema;
  if (!shape.card.safeParse(card.card).success) faults.add(at('card'));
  if (!shape.dns.safeParse(card.dns).success) faults.add(at('dns'));
  if (!shape.searchDomains.safeParse(card.searchDomains).success) faults.add(at('search'));
  for (const [field, value, other] of [
    ['ipv4', ipv4, '4'],
    ['ipv6', ipv6, '6'],
  ] as const) {
    if (typeof value === 'string' || shape[field].safeParse(value).success) continue;
    const isAddress = shape[field].safeParse({ addresses: value.addresses }).success;
    faults.add(at(isAddress ? `gateway${other}` : `addresses${other}`));
  }
  if (error && ![...faults].some((fault) => fault.startsWith(at('')))) faults.add(at('card'));
  return [];
}

function userOf(form: UserForm, faults: Set<Fault>): SeveralSettings['users'] {
  const at = (field: string) => `user-${form.id}-${field}`;
  const [sshKeys, groups, name] = [keysOf(form.sshKeys), listOf(form.groups), form.name.trim()];
  const { shape } = UserSettingSchema;
  if (!shape.name.safeParse(name).success) faults.add(at('name'));
  if (!shape.groups.safeParse(groups).success) faults.add(at('groups'));
  // a private key, or a password, that was pasted by mistake goes nowhere
  if (!sshKeys.every((key) => SSH_KEY.test(key))) faults.add(at('sshKeys'));
  if ([...faults].some((fault) => fault.startsWith(at('')))) return [];
  const password = form.passwordHash === null ? {} : { passwordHash: form.passwordHash };
  const { data } = UserSettingSchema.safeParse({ name, sshKeys, groups, ...password });
  return data ? [data] : [];
}
