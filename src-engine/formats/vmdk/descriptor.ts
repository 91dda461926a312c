/** The text that describes a VMDK disk: VMware, "Virtual Disk Format 5.0", "The Descriptor File". */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { decodeNamed } from '../../core/named-encoding.ts';
import { withoutDot } from '../sibling-name.ts';

export interface DescribedExtent {
  readonly sectors: number;
  readonly type: ExtentType;
  /** '' for ZERO */
  readonly name: string;
  /** where in its file a flat extent begins */
  readonly offsetSectors: number;
}

const EXTENT_TYPES = ['FLAT', 'VMFS', 'SPARSE', 'VMFSSPARSE', 'ZERO'] as const;
export type ExtentType = (typeof EXTENT_TYPES)[number];

export interface VmdkDescriptor {
  readonly createType: string;
  /** content id: 8 hexadecimal digits in lower case */
  readonly cid: string;
  /** null: no parent */
  readonly parent: { readonly cid: string; readonly name: string } | null;
  readonly extents: readonly DescribedExtent[];
}

export const DESCRIPTOR_BYTES_MAX = 1024 * 1024;
/** 8 TB in pieces of 2 GB. */
const EXTENTS_MAX = 4096;
const NO_PARENT = 'ffffffff';
const SECTORS_MAX = 2 ** 37;

/** Whether a file begins like a descriptor. */
export function isDescriptor(start: Buffer): boolean {
  return /^(\uFEFF)?\s*# *disk *descriptor *file/i.test(start.toString('utf8', 0, 512));
}

/** @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED` for extents of other kinds */
export function parseDescriptor(bytes: Buffer): VmdkDescriptor {
  const end = bytes.indexOf(0);
  const used = end < 0 ? bytes : bytes.subarray(0, end);
  const text = decodeNamed(used, /^\s*encoding *= *"?([\w.:-]{1,40})/im);
  const fields = new Map<string, string>();
  const extents: DescribedExtent[] = [];
  for (const line of text.split(/\r?\n/)) {
    const [, key, value] = /^\s*([\w.]+)\s*=\s*"?([^"]*?)"?\s*$/.exec(line) ?? [];
    if (key) fields.set(key.toLowerCase(), value);
    else if (/^\s*(RW|RDONLY|NOACCESS)\s/i.test(line)) extents.push(parseExtent(line));
    checkRange('extents', extents.length, 0, EXTENTS_MAX);
  }
  const parentCid = contentId(fields.get('parentcid') ?? NO_PARENT);
  return {
    createType: fields.get('createtype') ?? '',
    cid: contentId(fields.get('cid') ?? '0'),
    parent:
      parentCid === NO_PARENT ? null : { cid: parentCid, name: withoutDot(fields.get('parentfilenamehint') ?? '') },
    extents,
  };
}

function parseExtent(line: string): DescribedExtent {
  const match = /^\s*(\w+)\s+(\d+)\s+(\w+)(?:\s+"([^"]*)"(?:\s+(\d+))?)?/.exec(line);
  if (!match) throw new EngineError('FORMAT_INVALID', { field: 'extent', value: line.slice(0, 200) });
  const [, access, sectors, type, name = '', offset = '0'] = match;
  const known = EXTENT_TYPES.find((one) => one === type.toUpperCase());
  if (!known || access.toUpperCase() === 'NOACCESS') {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `VMDK extent ${access} ${type}`.slice(0, 200) });
  }
  return {
    sectors: checkRange('extent', Number(sectors), 0, SECTORS_MAX),
    type: known,
    name: withoutDot(name),
    offsetSectors: checkRange('extent offset', Number(offset), 0, SECTORS_MAX),
  };
}

function contentId(hex: string): string {
  if (!/^[0-9a-f]{1,8}$/i.test(hex))
    throw new EngineError('FORMAT_INVALID', { field: 'CID', value: hex.slice(0, 200) });
  return hex.toLowerCase().padStart(8, '0');
}
