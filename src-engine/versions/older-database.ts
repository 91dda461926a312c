/** A database that was brought back from a copy: manifests and template records say more than it does. A repair brings that into it. */
import { EngineError } from '../core/engine-error.ts';

const REASON = 'database is older';

/** @param path of the file that says more */
export const olderDatabase = (path: string): EngineError =>
  new EngineError('CATALOG_DAMAGED', { path, reason: REASON }, 'Run: diskpress repair');

export const isOlderDatabase = ({ code, data }: EngineError): boolean =>
  code === 'CATALOG_DAMAGED' && data.reason === REASON;
