/** Cylinders, heads and sectors for a length: "Appendix: CHS Calculation" of the specification. */
import { SECTOR_BYTES } from './struct.ts';

const SECTORS_MAX = 65_535 * 16 * 255;
const SECTORS_OF_SHORT_TRACKS = 65_535 * 16 * 63;

export interface Geometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectorsPerTrack: number;
}

export function geometryOf(lengthBytes: number): Geometry {
  const sectors = Math.min(Math.floor(lengthBytes / SECTOR_BYTES), SECTORS_MAX);
  if (sectors >= SECTORS_OF_SHORT_TRACKS) return shape(sectors, 16, 255);
  const tracks = Math.floor(sectors / 17);
  const heads = Math.max(4, Math.floor((tracks + 1023) / 1024));
  if (tracks < heads * 1024 && heads <= 16) return shape(sectors, heads, 17);
  if (Math.floor(sectors / 31) < 16 * 1024) return shape(sectors, 16, 31);
  return shape(sectors, 16, 63);
}

function shape(sectors: number, heads: number, sectorsPerTrack: number): Geometry {
  return { cylinders: Math.floor(sectors / sectorsPerTrack / heads), heads, sectorsPerTrack };
}
