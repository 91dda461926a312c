/** What machines showed and said in boot proofs that have ended: the last few, for whoever asks for their picture. */
import type { BootEvidence } from '../contract/boot.contract.ts';
import { EngineError } from '../core/engine-error.ts';

const MAX_KEPT = 8;

export class BootEvidenceKeeper {
  readonly #kept = new Map<string, BootEvidence>();

  keep(jobId: string, evidence: BootEvidence): void {
    this.#kept.set(jobId, evidence);
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
  }

  /** @throws EngineError `NOT_FOUND` where there was none, or it was too long ago */
  of(jobId: string): BootEvidence {
    const evidence = this.#kept.get(jobId);
    if (!evidence) throw new EngineError('NOT_FOUND', { path: jobId });
    return evidence;
  }
}
