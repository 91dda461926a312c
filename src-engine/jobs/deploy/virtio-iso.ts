/**
 * Drivers in an ISO as the virtio-win project lays it out: `viostor/w10/amd64/viostor.sys`. Its names are compared with those that are looked for,
 * and go nowhere else.
 */
import { EngineError } from '../../core/engine-error.ts';
import { openRegularFile } from '../../core/read-named-file.ts';
import type { DriverAtHand } from '../../guest/drivers/virtio/put-drivers.ts';
import {
  DRIVER_PARTS,
  isProgramFor,
  type DriverPart,
  type VirtioDriver,
  type WindowsKind,
} from '../../guest/drivers/virtio/virtio-drivers.ts';
import { hasUdf } from '../../formats/iso/descriptors.ts';
import { recogniseIso } from '../../formats/iso/iso.ts';
import { IsoFiles, type IsoEntry } from '../../formats/iso/iso-files.ts';
import { openFileSource } from '../../formats/raw/file-source.ts';

/** Drivers of disks have some hundred kilobytes. */
const MAX_PART_BYTES: Readonly<Record<DriverPart, number>> = {
  sys: 16 * 1024 * 1024,
  inf: 1024 * 1024,
  cat: 1024 * 1024,
};

/** Why an ISO gives no drivers. Words: `driverReason.REASON`. */
type IsoReason = 'iso-none' | 'iso-udf' | 'iso-damaged' | 'iso-incomplete' | 'iso-other-processor';

/**
 * @param wanted drivers, each of which may be missing
 * @returns those that are there for that Windows and its architecture, whole
 * @throws EngineError `DRIVERS_NOT_PUT_IN` (path, reason); `NOT_FOUND`, `PERMISSION_DENIED`, `BAD_REQUEST` for what is no file, `READ_FAILED`
 */
export async function driversIn(
  path: string,
  wanted: readonly VirtioDriver[],
  kind: WindowsKind,
): Promise<DriverAtHand[]> {
  // of a person's file it is told what is wrong with its name
  await (await openRegularFile(path)).close();
  const source = await openFileSource(path);
  try {
    await recogniseIso(source);
    const iso = await IsoFiles.open(source);
    if (!iso) throw notPutIn(path, (await hasUdf(source)) ? 'iso-udf' : 'iso-none');
    const found: DriverAtHand[] = [];
    for (const driver of wanted) {
      const parts = await partsOf(path, iso, driver, kind);
      if (parts) found.push({ driver, parts });
    }
    return found;
  } catch (error) {
    const isDamage = error instanceof EngineError && /^F(?:ORMAT_|ILE_TRUNCATED)/.test(error.code);
    throw isDamage ? notPutIn(path, 'iso-damaged') : error;
  } finally {
    await source.close();
  }
}

async function partsOf(
  path: string,
  iso: IsoFiles,
  { name }: VirtioDriver,
  { folder, architecture }: WindowsKind,
): Promise<DriverAtHand['parts'] | null> {
  let at: IsoEntry | undefined = iso.root;
  for (const one of [name, folder, architecture.folder]) {
    at = at && named(await iso.list(at), one, true);
  }
  if (!at) return null;
  const entries = await iso.list(at);
  const parts: Partial<Record<DriverPart, Buffer>> = {};
  for (const part of DRIVER_PARTS) {
    const entry = named(entries, `${name}.${part}`, false);
    if (!entry || entry.lengthBytes === 0) throw notPutIn(path, 'iso-incomplete');
    parts[part] = await iso.read(entry, MAX_PART_BYTES[part]);
  }
  const whole = parts as Record<DriverPart, Buffer>;
  if (!isProgramFor(whole.sys, architecture)) throw notPutIn(path, 'iso-other-processor');
  return whole;
}

/** Large and small letters are the same, and ISO 9660 has an underline where it has no other character. */
function named(entries: readonly IsoEntry[], wanted: string, isFolder: boolean): IsoEntry | undefined {
  const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '_');
  return entries.find((entry) => entry.isFolder === isFolder && plain(entry.name) === plain(wanted));
}

const notPutIn = (path: string, reason: IsoReason) => new EngineError('DRIVERS_NOT_PUT_IN', { path, reason });
