/** One report for each day and machine: parts that are measured again there that day take the place of what stood there. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { tool } from './bench-disks.ts';

export interface Bench {
  /** a folder with room for about 60 GB */
  readonly work: string;
  readonly rounds: number;
  /** of those that take minutes each */
  readonly peerRounds: number;
  /** of mixed files, with deleted data; made when it is first asked for */
  readonly mainDisk: () => string;
}

export const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

/** A row of what each has stored of the same disk: ours is to be no more. */
export const storedRow = (name: string, theirBytes: number, ourBytes: number) => [
  name,
  megabytes(theirBytes),
  megabytes(ourBytes),
  (ourBytes / theirBytes).toFixed(3),
  '≤ 1.00',
];

export const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

/** Of this machine, today. */
export function reportName(): string {
  const machine = cpus()[0]
    .model.toLowerCase()
    .replace(/\((r|tm)\)|processor|cpu|@.*/g, '')
    .match(/[a-z0-9]+/g);
  return [new Date().toISOString().slice(0, 10), ...(machine ?? [])].join('-');
}

/** What a figure depends on. @param work where the disks and catalogs lie */
export function machineInWords(work: string): string {
  const [processor] = cpus();
  const fileSystem = tool('stat', '-f', '-c', '%T', work);
  return [
    `${cpus().length} × ${processor.model}, ${(totalmem() / 1e9).toFixed(0)} GB of memory, Linux ${release()}, files on ${fileSystem}, Node ${process.version},`,
    `${tool('zstd', '--version').match(/v[\d.]+/)?.[0] ?? ''} of zstd.`,
  ].join('\n');
}

/** @param order of all parts, by their headings */
export function writePart(path: string, order: readonly string[], heading: string, text: string, head: string): void {
  const sections = new Map<string, string>();
  if (existsSync(path)) {
    for (const section of readFileSync(path, 'utf8')
      .split(/^(?=## )/m)
      .slice(1)) {
      sections.set(/^## (.*)$/m.exec(section)![1], section.trimEnd());
    }
  }
  const load = loadavg()[1].toFixed(1);
  sections.set(heading, `## ${heading}\n\n${text}\n\nLoad of the machine over the last five minutes: ${load}.`);
  // what was written by hand, of what it means, stays behind what was measured
  const byHand = [...sections.keys()].filter((one) => !order.includes(one));
  const all = [...order, ...byHand].flatMap((one) => sections.get(one) ?? []);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${[head, ...all].join('\n\n')}\n`);
}
