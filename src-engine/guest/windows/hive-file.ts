/** Hives of Windows' registry as files of a guest. */
import { known, unknown } from '../datum.ts';
import type { GuestFiles } from '../guest-files.ts';
import { Hive } from './hive/hive.ts';

const CONFIG = '/Windows/System32/config';

/** A hive whose damage is told once and then is as if everything in it were missing. */
export class HiveFile {
  readonly #files: GuestFiles;
  readonly #hive: Hive | null;
  readonly path: string;

  private constructor(files: GuestFiles, path: string, hive: Hive | null) {
    this.#files = files;
    this.path = path;
    this.#hive = hive;
  }

  static async open(files: GuestFiles, name: string): Promise<HiveFile> {
    const path = `${CONFIG}/${name}`;
    const content = await files.content(path);
    return new HiveFile(files, path, content && (await files.guarded(path, () => Hive.open(content))));
  }

  async text(key: string, name: string): Promise<string | null> {
    const value = await this.#value(key, name);
    return typeof value === 'string' && value.length > 0 && value.length <= 1000 ? value : null;
  }

  async number(key: string, name: string): Promise<number | null> {
    const value = await this.#value(key, name);
    return typeof value === 'number' ? value : null;
  }

  async subkeys(key: string): Promise<string[] | null> {
    const hive = this.#hive;
    return hive && this.#files.guarded(this.path, () => hive.subkeys(key));
  }

  async datum(key: string, name: string) {
    const origin = `${this.path}: ${key}\\${name}`;
    const value = await this.text(key, name);
    return value === null ? unknown(origin) : known(value, origin);
  }

  async #value(key: string, name: string) {
    const hive = this.#hive;
    return hive && this.#files.guarded(this.path, () => hive.value(key, name));
  }
}
