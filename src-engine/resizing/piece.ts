/** Part of an open file or disk that a program is to work on: a volume of a target that does not look finished, or a scratch file. */
import { withLoopDevice } from '../tools/loop-device.ts';

export interface Piece {
  /** of the open file or disk */
  readonly fd: number;
  /** it is a scratch file, with nothing else in it: a program may make it longer or shorter */
  readonly isScratch: boolean;
  readonly startBytes: number;
  readonly lengthBytes: number;
  readonly sectorBytes: number;
}

export const isFileOfItsOwn = ({ isScratch, startBytes }: Piece): boolean => isScratch && startBytes === 0;

/** Lets programs work on a piece as on a disk of its own. @throws EngineError as `tools/loop-device.ts` */
export const onLoopDevice = <T>(piece: Piece, signal: AbortSignal, work: (device: string) => Promise<T>): Promise<T> =>
  withLoopDevice({ ...piece, descriptor: piece.fd, offsetBytes: piece.startBytes }, signal, work);
