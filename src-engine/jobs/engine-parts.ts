/** What jobs are given by the host: the catalog's parts, this machine, the presses. */
import type { JobRepository } from '../catalog/job-repository.ts';
import type { JudgingParts } from '../judgement/judging-parts.ts';
import type { StoringParts } from '../storing/store-disk.ts';
import type { PledgeBook } from './pledge-book.ts';

export interface EngineParts extends JudgingParts, StoringParts {
  readonly jobs: JobRepository;
  readonly pledges: PledgeBook;
}
