/** What `VBoxManage showvminfo --machinereadable` says. Its keys are the same in every language. Source: VBoxManage of versions 3 to 7. */
import { isAbsolute } from 'node:path';
import { isDevicePath } from '../../contract/device-path.ts';
import type { Vm, VmDisk } from '../../contract/vm.contract.ts';
import { countOf, short } from './vm-text.ts';

const MAX_LINES = 20_000;
const MAX_CONTROLLERS = 64;
const MAX_DISKS = 1000;
const MAX_CARDS = 100;
const MAX_SNAPSHOTS = 10_000;
const MIB = 1024 * 1024;

export type VirtualBoxDefinition = Omit<Vm, 'place' | 'hypervisor' | 'state'>;

/** MachineState, in the words of VBoxManage. What a crash has left off is off. */
const STATES: Readonly<Record<string, Vm['state']>> = {
  poweroff: 'off',
  aborted: 'off',
  teleported: 'off',
  saved: 'saved',
  'aborted-saved': 'saved',
  running: 'running',
  paused: 'paused',
  gurumeditation: 'crashed',
  starting: 'running',
  restoring: 'running',
  stopping: 'shutting-down',
  saving: 'shutting-down',
};

/** @returns by UUID, of `VBoxManage list vms`: a name may have quotation marks in it, and nothing escapes them */
export function parseList(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split(/\r?\n/).slice(0, MAX_LINES)) {
    const [, name, id] = /^"(.*)" \{([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})\}$/i.exec(line.trim()) ?? [];
    if (id !== undefined) found.set(id.toLowerCase(), name);
  }
  return found;
}

/** @returns paths by the names that images of snapshots give to what they stand on, of `VBoxManage list hdds` */
export function parseImages(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  let id = '';
  for (const line of text.split(/\r?\n/).slice(0, MAX_LINES)) {
    id = /^UUID: +([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/i.exec(line)?.[1].toLowerCase() ?? id;
    const [, path] = /^Location: +(.+)$/.exec(line) ?? [];
    if (path !== undefined && id !== '' && isAbsolute(path)) found[`{${id}}.vdi`] = path;
  }
  return found;
}

export interface VirtualBoxInfo {
  readonly definition: VirtualBoxDefinition;
  readonly state: Vm['state'];
}

export function parseInfo(text: string): VirtualBoxInfo {
  const values = valuesOf(text);
  const said = (key: string) => values.get(key) ?? '';
  const memoryMib = countOf(said('memory'));
  return {
    state: STATES[said('VMState').toLowerCase()] ?? 'unknown',
    definition: {
      name: short(said('name')) ?? '',
      id: said('UUID').toLowerCase().slice(0, 100),
      operatingSystem: short(said('ostype')),
      processors: countOf(said('cpus')),
      memoryBytes: memoryMib === null || memoryMib > 2 ** 33 ? null : memoryMib * MIB,
      firmware: /^efi/i.test(said('firmware')) ? 'uefi' : /^bios/i.test(said('firmware')) ? 'bios' : null,
      // it stands in its variables, of which nothing is told here
      hasSecureBoot: false,
      hasTpm: !['', 'none'].includes(said('tpm-type').toLowerCase()),
      machineType: short(said('chipset')),
      architecture: architectureOf(said('platformArchitecture'), said('ostype')),
      disks: disksOf(values),
      networks: networksOf(values),
      snapshots: [...values]
        .filter(([key]) => /^SnapshotName(-\d+)*$/.test(key))
        .slice(0, MAX_SNAPSHOTS)
        .map(([, name]) => short(name) ?? ''),
    },
  };
}

/** `key="value"` or `"key"="value"`, with `\"` and `\\` in it; numbers stand alone. Names of snapshots are not escaped. */
function valuesOf(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split(/\r?\n/).slice(0, MAX_LINES)) {
    const [, quotedKey, plainKey, quoted, plain] =
      /^(?:"((?:[^"\\]|\\.)*)"|([^"=]+))=(?:"(.*)"|([^"].*|))$/.exec(line.trimEnd()) ?? [];
    const key = quotedKey === undefined ? plainKey : unescaped(quotedKey);
    if (key === undefined || values.has(key)) continue;
    values.set(key, quoted === undefined ? plain : key.startsWith('Snapshot') ? quoted : unescaped(quoted));
  }
  return values;
}

const unescaped = (text: string) => text.replace(/\\(["\\])/g, '$1');

/** By the names of the controllers: a name may look like another one's key. */
function disksOf(values: ReadonlyMap<string, string>): VmDisk[] {
  const disks: VmDisk[] = [];
  for (let i = 0; i < MAX_CONTROLLERS && values.has(`storagecontrollername${i}`); i++) {
    const name = values.get(`storagecontrollername${i}`)!;
    const bus = busOf(values.get(`storagecontrollertype${i}`) ?? '', name);
    for (const [key, path] of values) {
      if (!key.startsWith(`${name}-`) || disks.length === MAX_DISKS) continue;
      const [, port, device] = /^(\d{1,4})-(\d{1,4})$/.exec(key.slice(name.length + 1)) ?? [];
      if (port === undefined || path === 'none') continue;
      // before version 7 these keys did not say of which port they are
      const hasDrive = ['dvdpassthrough', 'tempeject', 'IsEjected'].some((word) =>
        values.has(`${name}-${word}-${port}-${device}`),
      );
      const isOptical = path === 'emptydrive' || hasDrive || bus === 'floppy' || OPTICAL.test(path);
      disks.push({
        name: short(`${name}-${port}-${device}`) ?? '',
        isOptical,
        bus,
        ...placeOf(path),
        format: isOptical ? null : formatOf(path),
        isReadOnly: false,
        isShared: false,
        serial: null,
        bootOrder: null,
      });
    }
  }
  return disks;
}

const OPTICAL = /\.(iso|dmg|cdr|viso)$|^\/dev\/(sr\d|cdrom|dvd)/i;

function placeOf(path: string): Pick<VmDisk, 'placed' | 'path'> {
  if (path === 'emptydrive') return { placed: 'absent', path: null };
  if (!isAbsolute(path) || path.length > 4096) return { placed: 'elsewhere', path: short(path) };
  return { placed: isDevicePath(path) ? 'device' : 'file', path };
}

/** VirtualBox goes by the end of the name too. */
function formatOf(path: string): string {
  const [, ending] = /\.(vdi|vmdk|vhd|qcow2?|hdd|img|raw)$/i.exec(path) ?? [];
  const word = ending?.toLowerCase();
  return { img: 'raw', hdd: 'parallels' }[word ?? ''] ?? word ?? 'unknown';
}

/** Of the controller's type, as VBoxManage calls it. */
function busOf(type: string, name: string): string {
  const known: Readonly<Record<string, string>> = {
    PIIX3: 'ide',
    PIIX4: 'ide',
    ICH6: 'ide',
    IntelAhci: 'sata',
    LsiLogic: 'scsi',
    BusLogic: 'scsi',
    LsiLogicSas: 'scsi',
    I82078: 'floppy',
    USB: 'usb',
    NVMe: 'nvme',
    VirtioSCSI: 'scsi',
    'virtio-scsi': 'scsi',
  };
  return known[type] ?? short(type || name) ?? '';
}

function networksOf(values: ReadonlyMap<string, string>): Vm['networks'] {
  const cards: Vm['networks'] = [];
  for (let i = 1; i <= MAX_CARDS; i++) {
    const to = values.get(`nic${i}`);
    if (to === undefined || to === 'none') continue;
    const adapter = ['bridgeadapter', 'hostonlyadapter', 'hostonly-network', 'nat-network', 'intnet']
      .map((key) => values.get(`${key}${i}`))
      .find((name) => name);
    cards.push({
      mac: macOf(values.get(`macaddress${i}`) ?? ''),
      model: short(values.get(`nictype${i}`)),
      to: short([to, adapter].filter(Boolean).join(' ')),
    });
  }
  return cards;
}

/** '08002769DF20' */
function macOf(digits: string): string | null {
  return /^[\da-f]{12}$/i.test(digits) ? digits.toLowerCase().match(/../g)!.join(':') : null;
}

/** Version 7.1 says it; before it, a name ends like this: 'Debian (64-bit)', 'Debian_64'. */
function architectureOf(said: string, system: string): string | null {
  if (/^arm/i.test(said)) return 'aarch64';
  return /^x86/i.test(said) || /(64-bit|_64|x64)/.test(system) ? 'x86_64' : null;
}
