/** What machines showed and said in boot proofs that have ended: the last ones of the catalog, for whoever looks at their jobs. */
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BootEvidenceSchema, type BootEvidence } from '../contract/boot.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import { writeDurably } from '../core/durable.ts';
import { summedText, withSum } from '../core/summed-text.ts';
import type { StoreLayout } from '../store/store-layout.ts';

const MAX_KEPT = 64;
/** A picture and the end of a console are far below it. */
const MAX_FILE_BYTES = 32 * 1024 * 1024;
const ENDING = '.json';

export class BootEvidenceKeeper {
  readonly #layout: () => Pick<StoreLayout, 'proofs'>;
  /** what could not be written down: to look at as long as this engine lives */
  readonly #unwritten = new Map<string, BootEvidence>();

  constructor(layout: () => Pick<StoreLayout, 'proofs'>) {
    this.#layout = layout;
  }

  /** A catalog that cannot be written to is no reason against a proof. @param id of its job, or of its plan: each its own UUID */
  async keep(id: string, evidence: BootEvidence): Promise<void> {
    const { proofs } = this.#layout();
    try {
      await mkdir(proofs, { recursive: true });
      await writeDurably(proofs, join(proofs, id + ENDING), withSum(JSON.stringify(evidence)));
      await this.#removeOldest(proofs);
    } catch {
      this.#unwritten.set(id, evidence);
      if (this.#unwritten.size > MAX_KEPT) this.#unwritten.delete(this.#unwritten.keys().next().value!);
    }
  }

  /** @throws EngineError `NOT_FOUND` where there was none, it was too long ago, or it is damaged */
  async of(id: string): Promise<BootEvidence> {
    const evidence = this.#unwritten.get(id) ?? (await this.#read(join(this.#layout().proofs, id + ENDING)));
    if (!evidence) throw new EngineError('NOT_FOUND', { path: id });
    return evidence;
  }

  async #read(path: string): Promise<BootEvidence | null> {
    try {
      const { size } = await stat(path);
      if (size > MAX_FILE_BYTES) return null;
      const { json, isSound } = summedText(await readFile(path, 'utf8'));
      return isSound ? BootEvidenceSchema.parse(JSON.parse(json)) : null;
    } catch {
      return null;
    }
  }

  async #removeOldest(folder: string): Promise<void> {
    const names = (await readdir(folder)).filter((name) => name.endsWith(ENDING));
    if (names.length <= MAX_KEPT) return;
    const ages = await Promise.all(
      names.map(async (name) => ({ name, at: (await stat(join(folder, name)).catch(() => null))?.mtimeMs ?? 0 })),
    );
    for (const { name } of ages.sort((a, b) => b.at - a.at).slice(MAX_KEPT))
      await rm(join(folder, name), { force: true });
  }
}
