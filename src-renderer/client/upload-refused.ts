import { CommandError, type MessageData, type UploadFault } from '../../src-engine/contract/index.ts';

/** Why files are not sent, as the engine would say it. */
export const uploadRefused = (reason: UploadFault, data: MessageData): CommandError =>
  new CommandError({ code: 'UPLOAD_REFUSED', message: '', hint: '', data: { reason, ...data } });
