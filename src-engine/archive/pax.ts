/** Extended headers of a tar: records of the form `LENGTH KEY=VALUE\n`. IEEE 1003.1, "pax Extended Header". */
import { checkRange } from '../core/bounds.ts';
import { EngineError } from '../core/engine-error.ts';

export interface PaxFields {
  readonly fields: ReadonlyMap<string, string>;
  /** GNU's first way to write holes says the same two things over and over: offset and length of each piece, in turn */
  readonly sparseNumbers: readonly number[];
}

export const NO_PAX: PaxFields = { fields: new Map(), sparseNumbers: [] };

const OFFSET = 'GNU.sparse.offset';
const LENGTH = 'GNU.sparse.numbytes';

/** @throws EngineError `FORMAT_INVALID` */
export function paxFields(bytes: Buffer): PaxFields {
  const fields = new Map<string, string>();
  const sparseNumbers: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString('latin1', at, space < 0 ? at : Math.min(space, at + 10)));
    checkRange('pax record', length, 5, bytes.length - at);
    const [, key, value] = /^([^=]*)=([^]*)\n$/.exec(bytes.toString('utf8', space + 1, at + length)) ?? [];
    if (key === undefined) throw new EngineError('FORMAT_INVALID', { field: 'pax record', value: String(at) });
    if (key === OFFSET || key === LENGTH) {
      // each stands where its turn is
      if ((sparseNumbers.length % 2 === 0) !== (key === OFFSET))
        throw new EngineError('FORMAT_INVALID', { field: 'pax record', value: key });
      sparseNumbers.push(/^\d+$/.test(value) ? Number(value) : NaN);
    }
    fields.set(key, value);
    at += length;
  }
  return { fields, sparseNumbers };
}
