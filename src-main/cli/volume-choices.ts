/** What becomes of volumes, as it is typed: `2=20G`, `2=grow`, `vg/root=keep`. */
import { CommandError, VOLUME_SIZES, type VolumeChoice } from '../../src-engine/contract/index.ts';
import { parseBytes } from '../../src-engine/words/sizes.ts';

/** @throws CommandError `BAD_REQUEST` for what is neither a size nor one of the words */
export function volumeChoice(typed: string): VolumeChoice {
  const at = typed.lastIndexOf('=');
  const [volume, text] = [typed.slice(0, Math.max(at, 0)), typed.slice(at + 1)];
  const size = VOLUME_SIZES.find((word) => word === text) ?? parseBytes(text);
  if (volume !== '' && size !== null) return { volume, size };
  const reason = `--volume ${typed}`;
  throw new CommandError({ code: 'BAD_REQUEST', message: reason, hint: '', data: { reason } });
}
