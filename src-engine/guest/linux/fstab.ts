/** fstab(5): what is mounted where, and which volumes of the disk are meant. */
import type { FstabEntry } from '../../contract/guest.contract.ts';
import type { GuestVolume } from '../guest-input.ts';

const MAX_LINES = 1000;
const MAX_FIELD = 1000;

/** What udev writes into the names of links, `\\x20`, and blkid before it. */
const HEX_ESCAPE = /\\x([0-9a-f]{2})/gi;

export function parseFstab(text: string, volumes: readonly GuestVolume[]): FstabEntry[] {
  const entries: FstabEntry[] = [];
  for (const line of text.split('\n', MAX_LINES)) {
    const fields = line
      .slice(0, 4 * MAX_FIELD)
      .trim()
      .split(/\s+/);
    if (fields.length < 3 || fields[0].startsWith('#') || fields.some((field) => field.length > MAX_FIELD)) continue;
    const [device, mountPoint, type, options = 'defaults'] = fields.map(unescaped);
    const reference = referenceOf(device);
    const volume = meant(device, reference, volumes)?.ref ?? null;
    entries.push({ device, mountPoint: mountPoint.replace(/(.)\/+$/, '$1'), type, options, reference, volume });
  }
  return entries;
}

/** Spaces and the like stand as octal numbers. */
const unescaped = (field: string) =>
  field.replace(/\\([0-3][0-7]{2})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));

const REFERENCES: [RegExp, FstabEntry['reference']][] = [
  [/^(UUID=|\/dev\/disk\/by-uuid\/)/i, 'uuid'],
  [/^(LABEL=|\/dev\/disk\/by-label\/)/i, 'label'],
  [/^(PARTUUID=|\/dev\/disk\/by-partuuid\/)/i, 'partuuid'],
  [/^(PARTLABEL=|\/dev\/disk\/by-partlabel\/)/i, 'partlabel'],
  [/^(ID=|\/dev\/disk\/by-(id|path)\/)/i, 'id'],
  [/^\/dev\/(?:[hsv]d[a-z]{1,2}|xvd[a-z]{1,2}|nvme\d+n\d+p?|mmcblk\d+p?)\d*$/, 'device-name'],
  [/^\/dev\/(mapper\/.|(?!shm|pts|cdrom|fd\d|sr\d|md)[^/]+\/[^/]+$)/, 'mapper'],
];

function referenceOf(device: string): FstabEntry['reference'] {
  return REFERENCES.find(([pattern]) => pattern.test(device))?.[1] ?? 'other';
}

function meant(device: string, reference: FstabEntry['reference'], volumes: readonly GuestVolume[]) {
  const value = device
    .replace(/^([A-Z]+=|\/dev\/disk\/by-[a-z]+\/)/i, '')
    .replace(/^"(.*)"$/, '$1')
    .replace(HEX_ESCAPE, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)));
  const isSame = (id: string | undefined) => value !== '' && id?.toLowerCase() === value.toLowerCase();
  const only = (isMeant: (volume: GuestVolume) => boolean) => {
    const found = volumes.filter(isMeant);
    return found.length === 1 ? found[0] : undefined;
  };
  if (reference === 'uuid') return only(({ uuid }) => isSame(uuid));
  if (reference === 'partuuid') return only(({ partitionUuid }) => isSame(partitionUuid));
  if (reference === 'partlabel') return only(({ partitionName }) => value !== '' && partitionName === value);
  if (reference === 'label') return only(({ label }) => value !== '' && label === value);
  if (reference === 'device-name') {
    // the partition's number; which disk was meant cannot be told, and with one disk need not
    const number = /(?:[a-z]|\dp)(\d+)$/.exec(device)?.[1] ?? '0';
    return only(({ ref }) => ref === number);
  }
  if (reference === 'mapper') {
    const path = device.replace('/dev/', '');
    return only(({ ref }) => ref === path || `mapper/${mapperName(ref)}` === path);
  }
  return undefined;
}

/** Device-mapper doubles dashes inside the names of a group and its volume, and joins them by one. */
const mapperName = (ref: string) =>
  ref
    .split('/')
    .map((name) => name.replaceAll('-', '--'))
    .join('-');
