/** Damage that is found while a template is worked on says which one it is. */
import { EngineError } from '../core/engine-error.ts';

const DAMAGE = ['PACK_DAMAGED', 'CHUNK_MISSING', 'MANIFEST_DAMAGED', 'CATALOG_DAMAGED', 'READ_FAILED'];

/** @throws what `work` throws, with `template` in its data where something in the store is damaged */
export async function naming<T>(template: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EngineError) || !DAMAGE.includes(error.code)) throw error;
    throw new EngineError(error.code, { ...error.data, template }, error.hint, { cause: error });
  }
}
