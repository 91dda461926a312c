/** What changes inside a guest, file by file: of a plan before, of a job after. */
import type {
  DeployPlan,
  GuestChangeView,
  IdentifierChange,
  InsideChanges,
  SettingNote,
} from '../../src-engine/contract/index.ts';
import { printable } from './printable.ts';
import type { Words } from './words.ts';

const MAX_CHANGES = 200;
/** Of a text, lines that are shown of what went and of what came. */
const MAX_LINES = 12;

type Told = Pick<GuestChangeView, 'path' | 'before' | 'after'> & { readonly kind: string; readonly reason: string };

export function plannedInsideLines(words: Words, { guestChanges, settingNotes, identifiers }: DeployPlan): string[] {
  const { t } = words;
  if (guestChanges.length === 0 && settingNotes.length === 0) return [];
  return [
    ...(settingNotes.length > 0 ? [t('cli.settings-notes'), ...settingNotes.map((note) => noteLine(words, note))] : []),
    ...identifierLines(words, identifiers),
    ...(identifiers.length > 0 ? [`  ${t('changes.identifiersOfPlan')}`] : []),
    ...(guestChanges.length > 0 ? [t('cli.changes-inside'), ...changeLines(words, guestChanges)] : []),
  ];
}

export function insideLines(words: Words, inside: InsideChanges): string[] {
  const { changes, identifiers, changedFiles, sameFiles, sameBytes } = inside;
  const { t } = words;
  return [
    ...identifierLines(words, identifiers),
    t('cli.changed-inside', { count: changedFiles }),
    ...changeLines(words, changes),
    t('cli.same-inside', { count: sameFiles, lengthBytes: sameBytes }),
  ];
}

type ToldIdentifier = Omit<IdentifierChange, 'reason' | 'of'> & { readonly of: string };

function identifierLines({ t, shared }: Words, identifiers: readonly ToldIdentifier[]): string[] {
  if (identifiers.length === 0) return [];
  const lines = identifiers.map(({ of, volume, before, after }) => {
    return printable(`  ${shared(`idOwner.${of}`, of)} ${volume}  ${before} → ${after}`);
  });
  return [t('cli.identifiers'), ...lines];
}

function noteLine({ t, shared, said }: Words, { reason, isPossible, code, data }: SettingNote): string {
  const known = shared(`setting.${code}`, '') === '' ? code : t(`setting.${code}`, data);
  return printable(`  ${isPossible ? '+' : '!'} ${said(reasonWord(shared, reason), known)}`);
}

const reasonWord = (shared: Words['shared'], reason: string) =>
  shared(`guestChange.reason.${reason}`, shared(`identity.${reason}`, reason));

function changeLines(words: Words, changes: readonly Told[]): string[] {
  const { t, shared } = words;
  const lines = changes.slice(0, MAX_CHANGES).flatMap((change) => {
    const kind = shared(`guestChange.kind.${change.kind}`, change.kind);
    return [printable(`  ${change.path}  ${kind} (${reasonWord(shared, change.reason)})`), ...textLines(words, change)];
  });
  const more = changes.length - MAX_CHANGES;
  return more > 0 ? [...lines, t('cli.more-changes', { count: more })] : lines;
}

/** Lines of the text that are no more, and that are new. */
function textLines({ t }: Words, { before, after }: Told): string[] {
  const [old, now] = [before, after].map((text) => (text ?? '').split('\n').filter((line) => line !== ''));
  const cut = (sign: string, lines: readonly string[]) => [
    ...lines.slice(0, MAX_LINES).map((line) => printable(`    ${sign} ${line.replaceAll('\t', '  ')}`)),
    ...(lines.length > MAX_LINES ? [`    ${t('cli.more-lines', { count: lines.length - MAX_LINES })}`] : []),
  ];
  return [
    ...cut(
      '-',
      old.filter((line) => !now.includes(line)),
    ),
    ...cut(
      '+',
      now.filter((line) => !old.includes(line)),
    ),
  ];
}
