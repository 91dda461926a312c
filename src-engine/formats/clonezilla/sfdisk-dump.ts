/** A partition table as text, as `sfdisk --dump` writes it (sfdisk(8), "Named-fields format"): `sda-pt.sf` of an image folder. */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';

export interface DumpedPartition {
  /** 'sda1' */
  readonly device: string;
  readonly number: number;
  readonly startSector: number;
  readonly sectors: number;
  /** a GUID, or an MBR type as hexadecimal digits */
  readonly type: string;
  readonly isBootable: boolean;
}

export interface SfdiskDump {
  readonly label: 'gpt' | 'dos';
  /** signature of an MBR or GUID of a GPT, as text */
  readonly labelId: string;
  readonly sectorBytes: number;
  readonly partitions: readonly DumpedPartition[];
}

const MAX_PARTITIONS = 1024;
const MAX_TEXT = 1024 * 1024;

/** @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED` for labels other than gpt and dos */
export function parseSfdiskDump(text: string): SfdiskDump {
  checkRange('sfdisk dump', text.length, 1, MAX_TEXT);
  const fields = new Map<string, string>();
  const partitions: DumpedPartition[] = [];
  for (const line of text.split('\n')) {
    const device = /^\/dev\/(\S+)\s*:\s*(.*)$/.exec(line);
    if (device) partitions.push(...partition(device[1], device[2]));
    else {
      const [, name, value] = /^([a-z-]+):\s*(.*)$/.exec(line) ?? [];
      if (name) fields.set(name, value.trim());
    }
  }
  checkRange('partitions', partitions.length, 0, MAX_PARTITIONS);
  // dumps of before util-linux 2.26 have no label: they are of MBRs
  const label = fields.get('label') ?? 'dos';
  if (label !== 'gpt' && label !== 'dos')
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `partition table ${label}` });
  return {
    label,
    labelId: fields.get('label-id') ?? '',
    sectorBytes: checkRange('sector-size', Number(fields.get('sector-size') ?? 512), 512, 4096),
    partitions,
  };
}

function partition(device: string, line: string): DumpedPartition[] {
  const field = (name: string) => new RegExp(`(?:^|[\\s,])${name}=\\s*"?([^",\\s]+)`).exec(line)?.[1];
  const sectors = checkRange('size', Number(field('size')), 0, Number.MAX_SAFE_INTEGER / 4096);
  if (sectors === 0) return [];
  return [
    {
      device,
      number: checkRange('partition number', Number(/(\d+)$/.exec(device)?.[1]), 1, MAX_PARTITIONS),
      startSector: checkRange('start', Number(field('start')), 1, Number.MAX_SAFE_INTEGER / 4096),
      sectors,
      type: field('type') ?? field('Id') ?? '',
      isBootable: /(^|[\s,])bootable\b/.test(line),
    },
  ];
}
