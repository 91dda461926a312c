/** The file or folder that is shown beside the list. */
import type { FileEntryView } from '../../../src-engine/contract/index.ts';

export interface ChosenFile {
  /** `ID@NUMBER` */
  template: string;
  /** which of several disks, from 1 */
  disk?: number | undefined;
  version: number;
  volume: string;
  volumeTitle: string;
  path: string;
  entry: FileEntryView;
  isRoot: boolean;
  /** the folder that is listed */
  isCurrent: boolean;
  /** of the listed folder: how many entries it has; else null */
  total: number | null;
  /** bytes that could not be read when it was captured */
  lostBytes: number;
}
