/** A setting that cannot be done in this guest, and why: told as a note, never thrown out of this room. */
import type { SettingCode } from '../../contract/deploy.contract.ts';
import type { MessageData } from '../../contract/errors.ts';

export class CannotChange extends Error {
  readonly code: SettingCode;
  readonly data: MessageData;

  /** @param code its words are `setting.CODE` */
  constructor(code: SettingCode, data: MessageData = {}) {
    super(code);
    this.name = 'CannotChange';
    this.code = code;
    this.data = data;
  }
}
