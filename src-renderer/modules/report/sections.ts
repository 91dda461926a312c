/** The lines of a report in the order that they are read in. */
import { isUnknownLine, type Report, type ReportLine } from '../../../src-engine/contract/index.ts';

export interface ReportSections {
  /** what forbids, and what a person took upon themselves: by the ids of the rules, so that it can be given back in its place */
  readonly blocks: readonly ReportLine[];
  readonly warnings: readonly ReportLine[];
  /** what could not be checked; what a machine's profile would tell comes first */
  readonly unknown: readonly ReportLine[];
  readonly passed: readonly ReportLine[];
}

/** Whether a profile of the machine would tell. */
export const isOfMachine = ({ fact }: ReportLine) => fact.startsWith('machine.');

export function sectionsOf({ lines }: Pick<Report, 'lines'>): ReportSections {
  const isBlock = (line: ReportLine) => line.level === 'block' || line.isOverridden;
  const unknown = lines.filter(isUnknownLine);
  return {
    blocks: lines.filter(isBlock).sort((a, b) => (a.rule < b.rule ? -1 : 1)),
    warnings: lines.filter((line) => line.level === 'warn' && !isBlock(line) && !isUnknownLine(line)),
    unknown: [...unknown.filter(isOfMachine), ...unknown.filter((line) => !isOfMachine(line))],
    passed: lines.filter(({ level }) => level === 'pass'),
  };
}
