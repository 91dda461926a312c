/** What a rival and Diskpress did in turn, pair by pair. */
import { median, type Measured } from './measure.ts';

export interface Aims {
  readonly seconds?: number;
  readonly busySeconds?: number;
}

type Figure = 'seconds' | 'busySeconds';

export class Duel {
  readonly #name: string;
  readonly #aims: Aims;
  readonly #pairs: { readonly rival: Measured; readonly ours: Measured }[] = [];

  constructor(name: string, aims: Aims) {
    this.#name = name;
    this.#aims = aims;
  }

  add(rival: Measured, ours: Measured): void {
    this.#pairs.push({ rival, ours });
    console.log(this.row());
  }

  get peakMegabytes(): number {
    return Math.max(...this.#pairs.map(({ ours }) => ours.peakMegabytes));
  }

  /** @returns the median of what each took */
  taken(who: 'rival' | 'ours', figure: Figure): number {
    return median(this.#pairs.map((pair) => pair[who][figure]));
  }

  static readonly head = [
    '| | rival | Diskpress | ratio | aim | rival, busy | Diskpress, busy | ratio | aim | peak memory |',
    '|---|---|---|---|---|---|---|---|---|---|',
  ].join('\n');

  row(): string {
    const cells = (['seconds', 'busySeconds'] as const).flatMap((figure) => [
      `${this.taken('rival', figure).toFixed(1)} s`,
      `${this.taken('ours', figure).toFixed(1)} s`,
      this.#ratio(figure),
      this.#aims[figure] === undefined ? '' : `≤ ${this.#aims[figure].toFixed(2)}`,
    ]);
    return `| ${[this.#name, ...cells, `${this.peakMegabytes.toFixed(0)} MB`].join(' | ')} |`;
  }

  /** Of each pair: what the machine did meanwhile counts for both. */
  #ratio(figure: Figure): string {
    const ratios = this.#pairs.map(({ rival, ours }) => ours[figure] / rival[figure]);
    const [middle, least, most] = [median(ratios), Math.min(...ratios), Math.max(...ratios)];
    return ratios.length === 1 ? middle.toFixed(2) : `${middle.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`;
  }
}
