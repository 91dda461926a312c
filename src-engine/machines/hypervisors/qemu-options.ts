/** The command line of a QEMU that somebody started, as far as it tells the machine. Source: qemu(1), of version 7.2. */
import { basename, isAbsolute, resolve } from 'node:path';
import { isDevicePath } from '../../contract/device-path.ts';
import type { Vm, VmDisk } from '../../contract/vm.contract.ts';
import { countOf, short } from './vm-text.ts';

const MAX_DISKS = 1000;
const MAX_CARDS = 100;
/** Nodes inside nodes, as JSON. */
const MAX_DEPTH = 8;
const UNITS: Readonly<Record<string, number>> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

export type QemuDefinition = Omit<Vm, 'place' | 'hypervisor' | 'state' | 'snapshots'> & {
  /** of its firmware: no disks, though QEMU has them open as such */
  readonly flashPaths: readonly string[];
};

/** @param folder that names of files start from; null: it cannot be told */
export function parseCommandLine(args: readonly string[], folder: string | null): QemuDefinition {
  const program = basename(args[0] ?? '');
  const options = optionsOf(args.slice(1));
  const all = (name: string) => options.filter(([key]) => key === name).map(([, value]) => value);
  const last = (name: string) => all(name).at(-1) ?? '';
  const drives = drivesOf(options);
  const flash = drives.filter(({ bus, isFlash }) => isFlash || bus === 'pflash');
  const [, system] = /^qemu-system-([\w-]+)$/.exec(program) ?? [];
  const architecture = system ?? 'x86_64';
  const isPc = /^(i386|x86_64)$/.test(architecture);
  const devices = all('device').map(parse);
  const absolute = (path: string) => (isAbsolute(path) || folder === null ? path : resolve(folder, path));
  return {
    name: short(valueOf(last('name'), 'guest')) ?? program,
    id: short(last('uuid').toLowerCase()) ?? '',
    operatingSystem: null,
    processors: processorsOf(parse(last('smp'))),
    memoryBytes: memoryOf(valueOf(last('m'), 'size') || '128M'),
    firmware: flash.length > 0 || /ovmf|efi/i.test(last('bios')) ? 'uefi' : isPc ? 'bios' : null,
    hasSecureBoot: all('global').some((one) => /cfi\.pflash01.*secure.*on/.test(one)),
    hasTpm: devices.some((keys) => keys.get('')?.startsWith('tpm-') || keys.get('driver')?.startsWith('tpm-')),
    machineType: short(valueOf(last('machine') || last('M'), 'type')),
    architecture: short(architecture),
    disks: drives
      .filter((drive) => !flash.includes(drive))
      .slice(0, MAX_DISKS)
      .map(({ path, bus, ...drive }) => ({ ...drive, bus: bus === 'none' ? null : bus, ...placeOf(path, absolute) }))
      .map(({ isFlash: _, ...disk }): VmDisk => disk),
    networks: networksOf(options),
    flashPaths: flash.map(({ path }) => absolute(path)),
  };
}

/** Options and their values: '--drive' is '-drive', and some stand alone. */
function optionsOf(args: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let i = 0; i < args.length; i++) {
    const [, name] = /^--?([a-zA-Z].*)$/.exec(args[i]) ?? [];
    // a file by itself is the first disk
    if (name === undefined) found.push(['hda', args[i]]);
    else if (i + 1 < args.length && !/^--?[a-zA-Z]/.test(args[i + 1]) && !ALONE.has(name))
      found.push([name, args[++i]]);
  }
  return found;
}

/** Those that are followed by no value; others need not be known. */
const ALONE = new Set([
  'daemonize',
  'enable-kvm',
  'no-reboot',
  'no-shutdown',
  'nodefaults',
  'nographic',
  'snapshot',
  'S',
  's',
  'full-screen',
  'no-user-config',
  'no-acpi',
  'no-hpet',
  'no-fd-bootchk',
  'usb',
  'sdl',
  'preconfig',
]);

/** What stands before the first key, under '', and the keys: 'file=/a,,b.img,format=raw' has a comma in its file. JSON is said alike. */
type Keys = ReadonlyMap<string, string>;

function parse(value: string): Keys {
  const keys = new Map<string, string>();
  if (value.startsWith('{')) {
    flatten(value, keys);
    return keys;
  }
  for (const [i, part] of splitAtCommas(value).entries()) {
    const at = part.indexOf('=');
    if (at > 0) keys.set(part.slice(0, at), part.slice(at + 1));
    else keys.set(i === 0 ? '' : part, i === 0 ? part : 'on');
  }
  return keys;
}

/** `{"file": {"filename": "/a"}}` is file.filename=/a; what is no JSON says nothing. */
function flatten(json: string, keys: Map<string, string>): void {
  const add = (prefix: string, value: unknown, depth: number) => {
    if (value !== null && typeof value === 'object' && depth > 0)
      for (const [key, inner] of Object.entries(value)) add(prefix ? `${prefix}.${key}` : key, inner, depth - 1);
    else if (['string', 'number', 'boolean'].includes(typeof value)) keys.set(prefix, String(value));
  };
  try {
    add('', JSON.parse(json), MAX_DEPTH);
  } catch {
    // cut off, or for a version that speaks otherwise
  }
}

function splitAtCommas(value: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (let i = 0; i < value.length; i++) {
    if (value[i] !== ',') part += value[i];
    else if (value[i + 1] === ',') part += value[i++];
    else {
      parts.push(part);
      part = '';
    }
  }
  return [...parts, part];
}

/** What a key says, or what stands there without one. */
function valueOf(value: string, key: string): string {
  const keys = parse(value);
  return keys.get(key) ?? keys.get('') ?? '';
}

interface Drive extends Omit<VmDisk, 'placed' | 'path'> {
  readonly path: string;
  readonly isFlash: boolean;
}

function drivesOf(options: readonly (readonly [string, string])[]): Drive[] {
  const drives: Drive[] = [];
  const nodes = new Map<string, Keys>();
  const buses = busesOf(options);
  for (const [option, value] of options) {
    const keys = parse(value);
    if (/^hd[a-d]$/.test(option)) drives.push(driveOf(option, value, 'ide', keys, { format: null }));
    else if (option === 'cdrom') drives.push(driveOf('cdrom', value, 'ide', keys, { isOptical: true }));
    else if (/^fd[ab]$/.test(option)) drives.push(driveOf(option, value, 'fdc', keys, { isOptical: true }));
    else if (option === 'pflash') drives.push(driveOf('pflash', value, 'pflash', keys, { isFlash: true }));
    else if (option === 'drive') {
      const id = keys.get('id') ?? `drive${drives.length}`;
      const isOptical = keys.get('media') === 'cdrom' || (buses.get(id) ?? '').endsWith('cd');
      const bus = keys.get('if') === 'none' ? (buses.get(id) ?? null) : (keys.get('if') ?? 'ide');
      const path = keys.get('file') ?? keys.get('file.filename') ?? '';
      drives.push(driveOf(id, path, bus && busName(bus), keys, { isOptical, isFlash: bus === 'pflash' }));
    } else if (option === 'blockdev') nodes.set(keys.get('node-name') ?? `node${nodes.size}`, keys);
  }
  return [...drives, ...drivesOfNodes(nodes, buses, options)];
}

function driveOf(
  name: string,
  path: string,
  bus: string | null,
  keys: Keys,
  more: Partial<Pick<Drive, 'format' | 'isOptical' | 'isFlash'>>,
): Drive {
  const driver = keys.get('driver');
  return {
    name: short(name) ?? '',
    isOptical: false,
    bus: short(bus),
    path,
    format: short(keys.get('format') ?? (PROTOCOLS.includes(driver ?? '') ? 'raw' : driver)),
    isReadOnly: ['readonly', 'read-only'].some((key) => keys.get(key) === 'on' || keys.get(key) === 'true'),
    isShared: false,
    serial: short(keys.get('serial')),
    bootOrder: null,
    isFlash: false,
    ...more,
  };
}

const PROTOCOLS = ['file', 'host_device'];

/** A node of a file is no disk where one of a format stands on it; nor is one that backs another. */
function drivesOfNodes(
  nodes: ReadonlyMap<string, Keys>,
  buses: ReadonlyMap<string, string>,
  options: readonly (readonly [string, string])[],
): Drive[] {
  const below = new Set([...nodes.values()].flatMap((keys) => [keys.get('file'), keys.get('backing')]));
  const machine = options.filter(([option]) => option === 'machine' || option === 'M').map(([, value]) => value);
  const flash = new Set(machine.flatMap((value) => [parse(value).get('pflash0'), parse(value).get('pflash1')]));
  return [...nodes]
    .filter(([name]) => !below.has(name))
    .map(([name, keys]) => {
      const file = nodes.get(keys.get('file') ?? '');
      const path = keys.get('filename') ?? keys.get('file.filename') ?? file?.get('filename') ?? '';
      const bus = buses.get(name) ?? null;
      return driveOf(name, path, bus && busName(bus), keys, {
        isOptical: bus?.endsWith('cd') ?? false,
        isFlash: flash.has(name),
      });
    });
}

/** The device that each drive is plugged into: 'virtio-blk-pci' of `-device virtio-blk-pci,drive=a`. */
function busesOf(options: readonly (readonly [string, string])[]): Map<string, string> {
  const buses = new Map<string, string>();
  for (const [option, value] of options) {
    const keys = option === 'device' ? parse(value) : null;
    const drive = keys?.get('drive');
    if (keys && drive) buses.set(drive, keys.get('') ?? keys.get('driver') ?? '');
  }
  return buses;
}

function busName(device: string): string {
  if (device.startsWith('virtio')) return 'virtio';
  return device.replace(/-(hd|cd|pci)$/, '');
}

/** What is neither a file nor a device is QEMU's own to reach: a share, a pool, another machine. */
function placeOf(path: string, absolute: (path: string) => string): Pick<VmDisk, 'placed' | 'path'> {
  const plain = path.replace(/^(?:file|raw):(?=\/)/, '');
  if (plain === '') return { placed: 'absent', path: null };
  const full = absolute(plain);
  if (/^[a-z][a-z\d+.-]*:/i.test(plain) || !isAbsolute(full) || full.length > 4096)
    return { placed: 'elsewhere', path: short(plain) };
  return { placed: isDevicePath(full) ? 'device' : 'file', path: full };
}

function networksOf(options: readonly (readonly [string, string])[]): Vm['networks'] {
  const cards: Vm['networks'] = [];
  for (const [option, value] of options) {
    const keys = parse(value);
    const first = keys.get('') ?? '';
    const isNic = option === 'nic' || (option === 'net' && first === 'nic');
    const isDevice = option === 'device' && keys.has('netdev');
    if ((!isNic && !isDevice) || first === 'none' || cards.length === MAX_CARDS) continue;
    cards.push({
      mac: short(keys.get('mac') ?? keys.get('macaddr')),
      model: short(isDevice ? first : keys.get('model')),
      to: short(isDevice ? netdevOf(options, keys.get('netdev')!) : option === 'nic' ? first : null),
    });
  }
  return cards;
}

function netdevOf(options: readonly (readonly [string, string])[], id: string): string | null {
  for (const [option, value] of options) {
    const keys = option === 'netdev' ? parse(value) : null;
    if (keys?.get('id') === id) return keys.get('') ?? keys.get('type') ?? null;
  }
  return null;
}

/** '4', or 'sockets=2,cores=2,threads=1'. */
function processorsOf(smp: Keys): number | null {
  const said = countOf(smp.get('cpus') ?? smp.get('') ?? '');
  if (said !== null) return said;
  const product = ['sockets', 'dies', 'clusters', 'cores', 'threads']
    .map((part) => countOf(smp.get(part) ?? '') ?? 1)
    .reduce((a, b) => a * b, 1);
  return product <= 100_000 ? product : null;
}

/** MiB where no unit is said. */
function memoryOf(size: string): number | null {
  const [, number, unit] = /^(\d{1,12}(?:\.\d{1,6})?)([kmgt]?)b?$/i.exec(size) ?? [];
  const bytes = Math.round(Number(number) * UNITS[unit?.toLowerCase() || 'm']);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : null;
}
