/** What can be told of an encrypted volume without its keys. */
export interface EncryptedVolume {
  /** as people know it: 'LUKS1', 'LUKS2', 'BitLocker', 'BitLocker To Go' */
  readonly name: string;
  /** how it is encrypted, as its own tools write it; '' where that cannot be told */
  readonly cipher: string;
  /** '' where there is none */
  readonly uuid: string;
  /** the unit of encryption: what is inside was made for sectors of at least this size; null where it is not told */
  readonly sectorBytes: number | null;
  /** BitLocker: a key lies on the volume in the clear, so that it opens without any other */
  readonly isSuspended: boolean;
  /** BitLocker: the letter that the volume had when it was encrypted, 'C:', or '' */
  readonly drive: string;
}
