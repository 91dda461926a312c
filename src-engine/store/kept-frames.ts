/** The frames that this process keeps unpacked: one store of them, for all disks that are served and for whoever reads these disks meanwhile. */
import { UnpackedFrames } from './unpacked-frames.ts';

/** A deploy that ends hands its disk over to whoever serves it from then on. */
const LINGER_MS = 10_000;

export class KeptFrames {
  readonly #folder: string;
  #opening: Promise<UnpackedFrames> | null = null;
  #open: UnpackedFrames | null = null;
  #borrowers = 0;
  #end: NodeJS.Timeout | undefined;

  /** @param folder where what is unpacked lies, in a file without a name */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Whoever borrows them gives them back once. */
  async borrow(): Promise<UnpackedFrames> {
    this.#borrowers++;
    clearTimeout(this.#end);
    return (this.#open = await (this.#opening ??= UnpackedFrames.open(this.#folder)));
  }

  /** As {@link borrow}, where they are kept at this moment; null: nothing is to be given back. */
  borrowOpen(): UnpackedFrames | null {
    if (!this.#open) return null;
    this.#borrowers++;
    clearTimeout(this.#end);
    return this.#open;
  }

  giveBack(): void {
    if (--this.#borrowers > 0) return;
    this.#end = setTimeout(() => {
      const frames = this.#open;
      this.#opening = this.#open = null;
      void frames?.close();
    }, LINGER_MS).unref();
  }
}
