/** What a person says of a capture. */
import { OUTSIDE_CHOICES, type DiskFormat, type OutsideChoice } from '../../../src-engine/contract/index.ts';

import type { ProofForm } from '../boot/index.ts';

export const ON_UNREADABLE = ['stop', 'fill'] as const;

export interface CaptureForm {
  source: string;
  /** further disks of the same machine, in their order */
  others: readonly string[];
  /** what an image file is; null: what its content says */
  format: DiskFormat | null;
  name: string;
  note: string;
  tags: string[];
  level: number;
  onUnreadable: (typeof ON_UNREADABLE)[number];
  outside: OutsideChoice;
  /** a virtual machine that runs may be shut down for it, and has so long for that; null: it may not */
  shutDown: { withinSeconds: number } | null;
  /** one that runs goes on, and is captured as it is at one moment */
  live: boolean;
  /** the version is started once it is stored */
  proof: ProofForm;
}

/** Nothing said yet but what the page's address says: a failed capture leads here with its way out. */
export function formOf(query: Record<string, unknown>, proof: ProofForm): CaptureForm {
  return {
    source: String(query['source'] ?? ''),
    others: [query['other'] ?? []].flat().map(String),
    format: null,
    name: String(query['name'] ?? ''),
    note: '',
    tags: [],
    level: 3,
    onUnreadable: ON_UNREADABLE.find((one) => one === query['unreadable']) ?? 'stop',
    outside: OUTSIDE_CHOICES.find((one) => one === query['outside']) ?? 'ask',
    shutDown: null,
    live: false,
    proof,
  };
}

/** What a level of compression is called. */
export function levelKey(level: number) {
  if (level <= 2) return 'capture.level.fast';
  if (level <= 5) return 'capture.level.balanced';
  return level <= 12 ? 'capture.level.small' : 'capture.level.smallest';
}
