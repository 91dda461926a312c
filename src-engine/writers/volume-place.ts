/** Where a volume lies that is to be written to, and how programs reach it. */
export interface VolumePlace {
  /** of the disk or the image, open for reading and writing */
  readonly descriptor: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** a block device: held exclusively, which keeps some programs from it */
  readonly isDevice: boolean;
}

/** How a program that is given one descriptor finds it: its third, behind those that all have. */
export const HANDED = '/dev/fd/3';
