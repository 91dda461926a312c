/** The account of every byte of a disk as text: what becomes of how much, and each place that nothing speaks of. */
import type { Account, DiskView, OutsideView } from '../../src-engine/contract/index.ts';
import { printable } from './printable.ts';
import { table } from './text-table.ts';
import type { Words } from './words.ts';

/** Places that are listed; `--json` has them all. */
const MAX_PLACES = 20;

export function accountLines(words: Words, { account }: DiskView): string[] {
  if (!account) return [];
  const { t, bytes } = words;
  const places = account.pieces.filter(({ zeroBytes, lengthBytes }) => zeroBytes < lengthBytes);
  return [
    t('account.title'),
    ...table(
      null,
      rowsOf(words, account).map(([name, lengthBytes, note]) => [name, bytes(lengthBytes), note]),
    ).map((line) => `  ${line}`),
    ...table(
      null,
      places
        .slice(0, MAX_PLACES)
        .map((piece) => [
          t(`account.place.${piece.place}`, { volume: piece.volume }),
          t('cli.from-byte', { offset: piece.startBytes }),
          bytes(piece.lengthBytes),
          holds(words, account, piece),
        ]),
    ).map((line) => `  ${line}`),
  ];
}

function rowsOf({ t, shared, bytes }: Words, account: Account): [name: string, lengthBytes: number, note: string][] {
  const { capturedBytes, takenBytes, zeroBytes, leftBytes, outsideBytes, lookedBytes, isUndecided } = account;
  const looked =
    lookedBytes < outsideBytes
      ? t('account.looked', { looked: bytes(lookedBytes), outside: bytes(outsideBytes) })
      : t('account.zerosNote');
  const rows: [string, number, string][] = [
    [t('account.captured'), capturedBytes - takenBytes, t('account.capturedNote')],
    ...account.free.map(({ by, lengthBytes }): [string, number, string] => {
      const key = by === 'swap' ? 'freeByRule' : by === 'lvm2' ? 'freeInGroup' : 'freeBy';
      return [t('account.free'), lengthBytes, t(`account.${key}`, { by: shared(`fileSystem.${by}`, by) })];
    }),
    [t('account.zeros'), zeroBytes, looked],
    [t('account.taken'), takenBytes, ''],
    [t(isUndecided ? 'account.undecided' : 'account.left'), leftBytes, isUndecided ? t('account.question') : ''],
  ];
  return [...rows.filter(([, lengthBytes]) => lengthBytes > 0), [t('account.total'), account.lengthBytes, '']];
}

function holds({ t, shared, bytes }: Words, { isUndecided }: Account, piece: OutsideView): string {
  const { takenBytes, leftBytes, names } = piece;
  const parts = [
    ...(takenBytes > 0 ? [t('account.holds.taken', { size: bytes(takenBytes) })] : []),
    ...(leftBytes > 0 ? [t(`account.holds.${isUndecided ? 'undecided' : 'left'}`, { size: bytes(leftBytes) })] : []),
    ...names.map((name) => printable(shared(`fileSystem.${name}`, name))),
  ];
  return parts.join(', ');
}
