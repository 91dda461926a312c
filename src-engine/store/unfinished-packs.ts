/**
 * Packs that captures under way have put into the index. Another capture may find its chunks there, so a pack that its maker gives up
 * goes only when nobody has built on it, and stays for good as soon as one of them has made its version.
 */
export class UnfinishedPacks {
  /** by the pack's name: the jobs whose versions would need it */
  readonly #holders = new Map<string, Set<object>>();

  /** @param maker the job that has made the pack known */
  add(pack: string, maker: object): void {
    this.#holders.set(pack, new Set([maker]));
  }

  /** Says that a job counts on what is in a pack. Nothing happens for one that is there for good. */
  hold(pack: string, job: object): void {
    this.#holders.get(pack)?.add(job);
  }

  /** The job has made its version: what it holds stays. */
  keep(job: object): void {
    for (const [pack, holders] of this.#holders) if (holders.has(job)) this.#holders.delete(pack);
  }

  /** The job makes no version. @returns the packs that nobody holds any more: they may go */
  giveUp(job: object): string[] {
    const free: string[] = [];
    for (const [pack, holders] of this.#holders) {
      if (!holders.delete(job) || holders.size > 0) continue;
      this.#holders.delete(pack);
      free.push(pack);
    }
    return free;
  }
}
