/** What can be said of a disk's boot chains: the account of the template against that of the disk that it became. */
import type { BootLink, BootLinkCode } from '../contract/boot-chain.contract.ts';
import type { MessageData } from '../contract/errors.ts';
import type { Extent } from '../disk/block-source.port.ts';
import type { BootAccount, CoreAccount, EfiStart, PartitionStart } from './boot-account.ts';
import type { CopiedLoader } from './fallback-loader.ts';

type Add = (state: BootLink['state'], code: BootLinkCode, data?: MessageData) => void;

/** A BIOS reads in sectors of that size, and boot code counts in them. */
const BIOS_SECTOR_BYTES = 512;

export interface Mended {
  /** loaders that are copied */
  readonly copied: readonly CopiedLoader[];
  /** the partition that gets the mark of the active one */
  readonly active: string | null;
}

/** What was changed on purpose, because it names what got other identifiers. */
export interface Rewritten {
  readonly isCore: boolean;
  /** as the guest sees them */
  readonly files: readonly { readonly volume: string; readonly path: string }[];
}
const NOTHING: Rewritten = { isCore: false, files: [] };

/**
 * @param before of the template
 * @param after of the target, or as it will be; none of what is in both is taken for granted
 */
export function bootLinks(
  before: BootAccount,
  after: BootAccount,
  mended: Mended,
  rewritten: Rewritten = NOTHING,
): BootLink[] {
  const links: BootLink[] = [];
  const adder =
    (firmware: 'bios' | 'uefi'): Add =>
    (state, code, data = {}) =>
      links.push({ firmware, state, code, data });
  biosLinks(before, after, mended, rewritten, adder('bios'));
  efiLinks(before, after, mended, rewritten, adder('uefi'));
  return links;
}

function biosLinks(before: BootAccount, after: BootAccount, mended: Mended, rewritten: Rewritten, add: Add): void {
  const { bios } = after;
  if (before.bios.code === 'none' && bios.code === 'none') return;
  // boot code that leads nowhere is what many programs write beside a table, and what is left of earlier days
  if (hasLoaders(after) && !leadsOn(before, mended)) return;
  if (after.sectorBytes !== BIOS_SECTOR_BYTES) {
    const state = before.sectorBytes === after.sectorBytes ? 'unproven' : 'broken';
    // the boot code of a protective MBR means nothing where everything starts by UEFI
    if (after.efi.length === 0 || state === 'unproven')
      add(state, 'boot-code-sectors', { sectorBytes: after.sectorBytes });
    return;
  }
  const { code: loader, sha256 } = bios;
  if (loader !== before.bios.code || sha256 !== before.bios.sha256) add('broken', 'boot-code-differs', { loader });
  else if (loader === 'unknown') add('unproven', 'boot-code-unknown', { sha256 });
  else add('proven', 'boot-code', { loader, sha256 });
  switch (bios.code) {
    case 'grub':
      coreLinks(before.bios.core, bios.core, rewritten, add);
      moduleLinks(after, rewritten, add);
      return;
    case 'grub-legacy':
    case 'lilo': {
      const isSame = before.sectorBytes === after.sectorBytes && haveSamePlaces(before, after);
      return add(isSame ? 'unproven' : 'broken', isSame ? 'block-map' : 'block-map-moved', { loader: bios.code });
    }
    default:
      return activeLinks(before, after, mended, rewritten, add);
  }
}

const hasLoaders = ({ efi }: BootAccount) => efi.some(({ loaders }) => loaders.length > 0);

function leadsOn({ bios: { code, core, active } }: BootAccount, mended: Mended): boolean {
  if (code === 'grub') return core !== null;
  return code === 'grub-legacy' || code === 'lilo' || active.length > 0 || mended.active !== null;
}

const haveSamePlaces = (before: BootAccount, after: BootAccount) => haveSameExtents(before.places, after.places);

function coreLinks(before: CoreAccount | null, core: CoreAccount | null, { isCore }: Rewritten, add: Add): void {
  if (!core) return add('broken', 'core-missing');
  const { startBytes, lengthBytes, sha256, volume } = core;
  const data = { sector: startBytes / BIOS_SECTOR_BYTES, lengthBytes, sha256: sha256 ?? '' };
  if (core.isUncertain) return add('unproven', 'core-uncertain', { volume: volume ?? '' });
  const isSame = sha256 !== null && sha256 === before?.sha256;
  if (!before || sha256 === null || (!isSame && !isCore)) return add('broken', 'core-differs', data);
  if (!isSame) add('mended', 'core-rewritten', data);
  if (startBytes !== before.startBytes) {
    add('mended', 'core-moved', { ...data, beforeSector: before.startBytes / BIOS_SECTOR_BYTES });
  } else if (!isSame) return;
  else if (volume === null) add('proven', 'core-in-gap', data);
  else add('proven', 'core-in-volume', { ...data, volume });
}

/** Where a core looks for them is packed in it: only that they are there can be seen, unless it was unpacked to be rewritten. */
function moduleLinks({ bios: { modules } }: BootAccount, { isCore }: Rewritten, add: Add): void {
  if (modules) add('proven', 'modules', { ...modules });
  else add('unproven', 'modules-elsewhere');
  if (!isCore) add('unproven', 'core-prefix');
}

/** Code that starts the one partition that is marked: what the mark is, and what stands there. */
function activeLinks(
  before: BootAccount,
  after: BootAccount,
  { active: marked }: Mended,
  rewritten: Rewritten,
  add: Add,
): void {
  const { active } = after.bios;
  const [volume] = active;
  if (active.length > 1) return add('broken', 'active-several', { volumes: [...active] });
  // a disk for data has such code too
  if (volume === undefined) return add(before.bios.active.length > 0 ? 'broken' : 'unproven', 'active-none');
  if (volume === marked) add('mended', 'active-set', { volume });
  else add('proven', 'active', { volume });
  const find = ({ bios }: BootAccount) => bios.partitions.find((partition) => partition.volume === volume);
  const [was, now] = [find(before), find(after)];
  if (!now) return add(was ? 'broken' : 'unproven', 'volume-code-none', { volume });
  partitionLinks(was, now, rewritten, add);
  const startOf = ({ places }: BootAccount) => places.find((place) => place.volume === volume)?.startBytes;
  if (now.hasHidden && startOf(before) !== startOf(after)) add('mended', 'hidden-sectors-set', { volume });
  if (now.code === 'grub') moduleLinks(after, rewritten, add);
}

function partitionLinks(was: PartitionStart | undefined, now: PartitionStart, rewritten: Rewritten, add: Add): void {
  const { volume, code, sha256, hasHidden, file } = now;
  const data = { volume, loader: code, sha256 };
  if (sha256 !== was?.sha256) add('broken', 'volume-code-differs', data);
  else add('proven', 'volume-code', data);
  if (hasHidden === false) add('broken', 'hidden-sectors-wrong', { volume });
  if (code === 'grub') coreLinks(was?.core ?? null, now.core, rewritten, add);
  if (!file) return;
  if (code === 'windows') return add('proven', 'file-by-name', { volume, path: file.path });
  if (file.isUncertain) return add('unproven', 'file-by-blocks-uncertain', { volume, path: file.path });
  const isSame = file.extents.length > 0 && haveSameExtents(file.extents, was?.file?.extents ?? []);
  add(isSame ? 'proven' : 'broken', isSame ? 'file-by-blocks' : 'file-by-blocks-moved', { volume, path: file.path });
}

/** Large and small letters are the same in FAT. */
const isSamePath = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

const haveSameExtents = (a: readonly Extent[], b: readonly Extent[]) =>
  a.length === b.length &&
  a.every(({ startBytes, lengthBytes }, i) => startBytes === b[i].startBytes && lengthBytes === b[i].lengthBytes);

function efiLinks(before: BootAccount, after: BootAccount, { copied }: Mended, rewritten: Rewritten, add: Add): void {
  for (const efi of after.efi) {
    if (efi.loaders.length === 0) continue;
    if (!efi.hasType) add('unproven', 'efi-type', { volume: efi.volume });
    loaderLinks(
      before.efi.find(({ volume }) => volume === efi.volume),
      efi,
      copied,
      rewritten,
      add,
    );
    for (const { path, searched } of efi.configs) {
      if (!searched) continue;
      const { by, value } = searched;
      const found = after.volumes.find(
        (one) => (by === 'label' ? one.label : one.uuid).toLowerCase() === value.toLowerCase(),
      );
      if (found) add('proven', 'grub-config', { path, searched: value, volume: found.ref });
      else add('broken', 'grub-config-lost', { path, searched: value });
    }
  }
  if (hasLoaders(after)) add('unproven', 'firmware-entries');
}

function loaderLinks(
  was: EfiStart | undefined,
  now: EfiStart,
  copied: readonly CopiedLoader[],
  { files }: Rewritten,
  add: Add,
): void {
  const { volume } = now;
  const isRewritten = (path: string) =>
    files.some((file) => file.volume === volume && file.path.toLowerCase().endsWith(path.toLowerCase()));
  for (const { path, role, sha256, architecture } of now.loaders) {
    if (role === 'other') continue;
    const data = { volume, path, sha256: sha256 ?? '', architecture };
    const own = was?.loaders.find((one) => one.path === path);
    const made = copied.find((one) => one.volume === volume && isSamePath(one.path, path));
    // as its original is by now: that may have been rewritten
    const original = made && now.loaders.find((one) => isSamePath(one.path, made.from));
    if (made && sha256 !== null && sha256 === original?.sha256)
      add('mended', 'fallback-copied', { ...data, from: made.from });
    else if (sha256 === null) add('unproven', 'efi-loader-unread', data);
    else if (sha256 !== own?.sha256 && isRewritten(path)) add('mended', 'efi-loader-rewritten', data);
    else if (sha256 !== own?.sha256) add('broken', 'efi-loader-differs', data);
    else add('proven', role === 'fallback' ? 'fallback' : 'efi-loader', data);
  }
  const fallbacks = now.loaders.filter(({ role }) => role === 'fallback');
  for (const architecture of new Set(now.loaders.map((loader) => loader.architecture))) {
    if (!fallbacks.some((fallback) => fallback.architecture === architecture)) {
      add('unproven', 'fallback-missing', { volume, path: `\\EFI\\BOOT\\BOOT${architecture.toUpperCase()}.EFI` });
    }
  }
  for (const fallback of fallbacks) {
    const { architecture, sha256, path } = fallback;
    const isShim = now.loaders.some((one) => one.role === 'shim' && sha256 !== null && one.sha256 === sha256);
    if (!isShim) continue;
    const folder = path.slice(0, path.lastIndexOf('/'));
    const beside = [`grub${architecture}.efi`, architecture === 'x64' ? 'fbx64.efi' : `fb${architecture}.efi`];
    const has = now.loaders.some(({ path: other }) => beside.some((name) => isSamePath(other, `${folder}/${name}`)));
    if (!has) add('broken', 'companion-missing', { volume, path, name: beside[0] });
  }
}
