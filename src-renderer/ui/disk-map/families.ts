/** Which family a volume belongs to: it decides hue and glyph on the disk map, and the words beside them. */
import type { VolumeView } from '../../../src-engine/contract/index.ts';

export const FAMILIES = ['linux', 'windows', 'fat', 'swap', 'encrypted', 'lvm', 'unknown'] as const;
export type Family = (typeof FAMILIES)[number];

/** Contents, as the engine names them. */
const BY_CONTENT: Record<string, Family> = {
  ext2: 'linux',
  ext3: 'linux',
  ext4: 'linux',
  xfs: 'linux',
  btrfs: 'linux',
  f2fs: 'linux',
  squashfs: 'linux',
  erofs: 'linux',
  bcachefs: 'linux',
  jfs: 'linux',
  nilfs2: 'linux',
  reiserfs: 'linux',
  ntfs: 'windows',
  refs: 'windows',
  fat12: 'fat',
  fat16: 'fat',
  fat32: 'fat',
  exfat: 'fat',
  swap: 'swap',
  luks: 'encrypted',
  bitlocker: 'encrypted',
  lvm2: 'lvm',
  'md-raid': 'lvm',
  zfs: 'lvm',
  bcache: 'lvm',
  ceph: 'lvm',
  vdo: 'lvm',
};

/** Partition types that have a name of their own in the locales (`partitionType.KEY`): GPT GUIDs and MBR bytes. */
const TYPE_KEYS: Record<string, string> = {
  'C12A7328-F81F-11D2-BA4B-00A0C93EC93B': 'efi',
  '21686148-6449-6E6F-744E-656564454649': 'biosBoot',
  'E3C9E316-0B5C-4DB8-817D-F92DF00215AE': 'msReserved',
  'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7': 'msBasic',
  'DE94BBA4-06D1-4D40-A16A-BFD50179D6AC': 'msRecovery',
  '0FC63DAF-8483-4772-8E79-3D69D8477DE4': 'linux',
  '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709': 'linuxRoot',
  '933AC7E1-2EB4-4F13-B844-0E14E2AEF915': 'linuxHome',
  '0657FD6D-A4AB-43C4-84E5-0933C84B4F4F': 'linuxSwap',
  'E6D6D379-F507-44C2-A23C-238F2A3DF928': 'linuxLvm',
  'A19D880F-05FC-4D3B-A006-743F0F84911E': 'linuxRaid',
  'CA7D7CCB-63ED-4C53-861C-1742536059CC': 'linuxLuks',
  'BC13C2FF-59E6-4262-A352-B275FD6F7172': 'linuxBoot',
  '01': 'fat',
  '04': 'fat',
  '06': 'fat',
  '0B': 'fat',
  '0C': 'fat',
  '0E': 'fat',
  '07': 'ntfsOrExfat',
  '27': 'msRecovery',
  '82': 'linuxSwap',
  '83': 'linux',
  '8E': 'linuxLvm',
  EF: 'efi',
  FD: 'linuxRaid',
};

const BY_TYPE: Record<string, Family> = {
  efi: 'fat',
  fat: 'fat',
  msReserved: 'windows',
  msBasic: 'windows',
  msRecovery: 'windows',
  ntfsOrExfat: 'windows',
  linuxSwap: 'swap',
  linuxLvm: 'lvm',
  linuxRaid: 'lvm',
  linuxLuks: 'encrypted',
};

/** @returns the key of the partition type's name, or null where its number is all that there is to say */
export function partitionTypeKey(typeId: string): string | null {
  return TYPE_KEYS[typeId.toUpperCase()] ?? null;
}

/** What a volume holds counts for more than what its table says of it. A volume inside a group is in no table. */
export function familyOf(volume: Pick<VolumeView, 'fileSystem' | 'recognised'> & { typeId?: string }): Family {
  const content = volume.fileSystem?.kind ?? volume.recognised?.toLowerCase();
  if (content && BY_CONTENT[content]) return BY_CONTENT[content];
  const key = partitionTypeKey(volume.typeId ?? '');
  return (key && BY_TYPE[key]) || 'unknown';
}
