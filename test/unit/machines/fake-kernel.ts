/** Trees like /sys, /proc and /dev, with the attributes that the kernel really has, for machines that are not at hand. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { KernelRoots } from '../../../src-engine/machines/linux/kernel-files.ts';

export interface FakeDisk {
  number: string;
  sectors?: number;
  /** where it hangs in the device tree, without its own name */
  bus?: string;
  /** file name to content, below the disk's folder: 'device/model' */
  attributes?: Record<string, string | Buffer>;
}

export interface FakeMount {
  number: string;
  at: string;
  type?: string;
  source?: string;
  options?: string;
  superOptions?: string;
}

export class FakeKernel {
  readonly root = realpathSync(mkdtempSync(path.join(tmpdir(), 'kernel-')));
  readonly roots: KernelRoots = {
    sys: path.join(this.root, 'sys'),
    proc: path.join(this.root, 'proc'),
    dev: path.join(this.root, 'dev'),
    udev: path.join(this.root, 'udev'),
  };
  #mounts: string[] = [];
  #swaps = ['Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority'];
  #folders = new Map<string, string>();

  remove(): void {
    rmSync(this.root, { recursive: true });
  }

  /** The path of a device node. */
  dev(name: string): string {
    return path.join(this.roots.dev, name);
  }

  write(file: string, content: string | Buffer): void {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  disk(
    name: string,
    { number, sectors = 1_000_000, bus = 'pci0000:00/0000:00:17.0', attributes = {} }: FakeDisk,
  ): void {
    const folder = path.join(this.roots.sys, 'devices', bus, 'block', name);
    this.#add(name, folder, number, sectors);
    const all = {
      ro: '0\n',
      removable: '0\n',
      hidden: '0\n',
      'queue/logical_block_size': '512\n',
      'queue/physical_block_size': '4096\n',
      'queue/rotational': '0\n',
      ...attributes,
    };
    for (const [file, content] of Object.entries(all)) this.write(path.join(folder, file), content);
  }

  partition(disk: string, name: string, number: string): void {
    const folder = path.join(this.#folder(disk), name);
    this.#add(name, folder, number, 1000);
    this.write(path.join(folder, 'partition'), '1\n');
  }

  /** A device-mapper or RAID device on other devices. */
  stacked(name: string, number: string, on: string[], mapperName?: string): void {
    const folder = path.join(this.roots.sys, 'devices/virtual/block', name);
    this.#add(name, folder, number, 1000);
    if (mapperName) {
      this.write(path.join(folder, 'dm/name'), `${mapperName}\n`);
      mkdirSync(this.dev('mapper'), { recursive: true });
      symlinkSync(`../${name}`, this.dev(`mapper/${mapperName}`));
    }
    for (const member of on) {
      mkdirSync(path.join(folder, 'slaves'), { recursive: true });
      symlinkSync(this.#folder(member), path.join(folder, 'slaves', member));
      mkdirSync(path.join(this.#folder(member), 'holders'), { recursive: true });
      symlinkSync(folder, path.join(this.#folder(member), 'holders', name));
    }
  }

  loop(name: string, number: string, backingFile: string | null): void {
    const attributes: FakeDisk['attributes'] = backingFile === null ? {} : { 'loop/backing_file': `${backingFile}\n` };
    this.disk(name, { number, bus: 'virtual', attributes });
  }

  mount({ number, at, type = 'ext4', source = 'none', options = 'rw', superOptions = 'rw' }: FakeMount): void {
    const escaped = at.replace(/[ \t\n\\]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
    const id = 20 + this.#mounts.length;
    this.#mounts.push(`${id} 1 ${number} / ${escaped} ${options} shared:1 - ${type} ${source} ${superOptions}`);
    this.write(path.join(this.roots.proc, 'self/mountinfo'), `${this.#mounts.join('\n')}\n`);
  }

  swap(device: string): void {
    this.#swaps.push(`${device}                               partition\t1000\t\t0\t\t-2`);
    this.write(path.join(this.roots.proc, 'swaps'), `${this.#swaps.join('\n')}\n`);
  }

  #add(name: string, folder: string, number: string, sectors: number): void {
    this.#folders.set(name, folder);
    this.write(path.join(folder, 'dev'), `${number}\n`);
    this.write(path.join(folder, 'size'), `${sectors}\n`);
    this.write(this.dev(name.replaceAll('!', '/')), '');
    const link = path.join(this.roots.sys, 'class/block', name);
    mkdirSync(path.dirname(link), { recursive: true });
    symlinkSync(folder, link);
  }

  #folder(name: string): string {
    const folder = this.#folders.get(name);
    if (folder === undefined) throw new Error(`no device ${name}`);
    return folder;
  }
}
