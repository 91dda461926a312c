/** What names say of formats. A name is given by whoever keeps the file; its content, for raw disks, by whoever used the machine. */
import type { DiskImageFormat } from './disk-image.port.ts';

const ENDINGS: Record<Exclude<DiskImageFormat, 'raw'>, RegExp> = {
  qcow2: /\.(qcow2?|qcow3)$/i,
  vmdk: /\.vmdk$/i,
  vdi: /\.vdi$/i,
  vhd: /\.(a?vhd|vud|vpc)$/i,
  vhdx: /\.a?vhdx$/i,
  'android-sparse': /\.simg$/i,
};

/** Whether a name says that the file is of a format. */
export function isNamedAs(name: string, format: DiskImageFormat): boolean {
  return format !== 'raw' && ENDINGS[format].test(name);
}
