/** Files as text, as `ls -l` shows them, and what differs between two versions. */
import type {
  CommandResult,
  Comparison,
  FileEntryView,
  FileKind,
  FileVolumeView,
} from '../../src-engine/contract/index.ts';
import { printable } from './printable.ts';
import { table } from './text-table.ts';
import type { Words } from './words.ts';

export function volumeLines({ t, bytes }: Words, volumes: readonly FileVolumeView[]): string[] {
  const isSeveral = new Set(volumes.map(({ disk }) => disk)).size > 1;
  const columns = ['volume', 'filesystem', 'label', 'size', 'used', 'reason'];
  return table(
    [...(isSeveral ? ['disk'] : []), ...columns].map((column) => t(`cli.column.${column}`)),
    volumes.map(({ disk, ref, kind, label, lengthBytes, usedBytes, refusal }) => [
      ...(isSeveral ? [String(disk)] : []),
      printable(ref),
      kind ? t(`fileSystem.${kind}`) : '',
      printable(label),
      bytes(lengthBytes),
      bytes(usedBytes),
      refusal ? t(`error.${refusal.code}.what`, refusal.data) : '',
    ]),
  );
}

const LETTERS: Record<FileKind, string> = {
  folder: 'd',
  file: '-',
  link: 'l',
  'block-device': 'b',
  'character-device': 'c',
  fifo: 'p',
  socket: 's',
};

export function fileLines(words: Words, { entries, isCut, escapedNames }: CommandResult<'files.list'>): string[] {
  const rows = entries.map((entry) => [
    LETTERS[entry.kind] + modeText(entry.mode),
    entry.linkCount === 0 ? '' : String(entry.linkCount),
    entry.ownerId === null ? '' : String(entry.ownerId),
    entry.groupId === null ? '' : String(entry.groupId),
    entry.kind === 'file' ? String(entry.lengthBytes) : '',
    entry.modifiedAt ? words.date(entry.modifiedAt) : '',
    nameText(entry),
  ]);
  // sizes stand under each other
  const width = Math.max(0, ...rows.map((row) => row[4].length));
  for (const row of rows) row[4] = row[4].padStart(width);
  const notes = [
    ...(isCut ? [words.t('cli.folder-cut')] : []),
    ...(escapedNames > 0 ? [words.t('cli.names-escaped', { n: escapedNames })] : []),
  ];
  return [...table(null, rows), ...notes];
}

function nameText({ name, linkTarget }: FileEntryView): string {
  return linkTarget === null ? printable(name) : `${printable(name)} -> ${printable(linkTarget)}`;
}

/** 'rwxr-xr-x', with s and t as ls(1) writes them. */
function modeText(mode: number | null): string {
  if (mode === null) return '';
  const bits = [...'rwxrwxrwx'].map((letter, i) => ((mode >>> (8 - i)) & 1 ? letter : '-'));
  const special = (bit: number, at: number, letter: string) => {
    if (mode & bit) bits[at] = bits[at] === 'x' ? letter : letter.toUpperCase();
  };
  special(0o4000, 2, 's');
  special(0o2000, 5, 's');
  special(0o1000, 8, 't');
  return bits.join('');
}

const MARKS = { added: '+', changed: '~', removed: '-' } as const;

export function comparisonLines({ t, bytes }: Words, comparison: Comparison): string[] {
  const { changes, isCut, notCompared } = comparison;
  const volumes = new Set(changes.map(({ volume }) => volume));
  const disks = new Set(changes.map(({ disk }) => disk));
  return [
    ...changes.map(({ change, disk, volume, path, beforeBytes, afterBytes }) => {
      const length = afterBytes ?? beforeBytes;
      const size = length === null ? '' : `  ${bytes(length)}`;
      const place = disks.size > 1 ? `${String(disk)}:${volume}:` : volumes.size > 1 ? `${volume}:` : '';
      return `${MARKS[change]} ${place}${printable(path)}${size}`;
    }),
    ...(isCut ? [t('cli.changes-cut', { count: changes.length })] : []),
    ...(['added', 'changed', 'removed', 'unchanged'] as const).map((change) =>
      t(`cli.compared.${change}`, { files: comparison[change].files, lengthBytes: comparison[change].lengthBytes }),
    ),
    ...(notCompared.length > 0 ? [t('cli.not-compared', { volumes: notCompared.join(', ') })] : []),
  ];
}
