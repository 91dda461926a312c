/** Where a command's results, progress and errors go: text for people, one JSON object a line for programs. */
import type { ErrorView, JobView } from '../../src-engine/contract/index.ts';
import type { Answer } from './answers.ts';

export interface Printer {
  /** A job under way; called about ten times a second. */
  progress(job: JobView): void;
  /** Something worth a line before the end: the plan, the address of the server. */
  event(answer: Answer): void;
  /** What was asked for, where an error follows from it. */
  finding(answer: Answer): void;
  /** The end, when it went well. */
  result(answer: Answer): void;
  /** The end, when it did not. */
  error(error: ErrorView): void;
}
