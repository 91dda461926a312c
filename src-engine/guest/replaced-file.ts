/** The change that most changes are: a file has other bytes, and keeps whose it is and who may read it. */
import type { ChangeReason } from '../contract/deploy.contract.ts';
import type { WriteChange } from './changes.port.ts';

/** @param path absolute, as the guest sees it; a file that is not there is made */
export const replacedFile = (reason: ChangeReason, path: string, bytes: Uint8Array): WriteChange => ({
  kind: 'write',
  reason,
  path,
  bytes,
  mode: null,
  owner: null,
  isSecret: false,
});
