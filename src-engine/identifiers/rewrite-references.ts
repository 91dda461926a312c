/** Files that name identifiers, with the new ones: among the changes of their volumes. */
import type { RenewalReason } from '../contract/deploy.contract.ts';
import { replacedFile } from '../guest/replaced-file.ts';
import type { GuestMount } from '../guest/open-guest-files.ts';
import type { KeptStart } from '../writers/kept-start.ts';
import type { Names, PutFile, VolumeChanges, VolumeStep } from '../writers/steps.port.ts';
import type { IdForms } from './forms.ts';
import type { Reference } from './references.ts';

const FOLDS_CASE = /^(?:fat|exfat|ntfs)/;
const FILE_MODE = 0o644;

interface Chosen {
  readonly forms: IdForms;
  /** places in the list of renamings */
  readonly chosen: ReadonlySet<number>;
  /** of each renaming */
  readonly reasons: readonly RenewalReason[];
}

/** What is removed, or in a folder that is cleared, stays so; what is written anyway gets the new identifiers too. */
export async function withReferences(
  changes: readonly VolumeChanges[],
  references: readonly Reference[],
  chosen: Chosen,
  { mounts }: { readonly mounts: readonly GuestMount[] },
): Promise<VolumeChanges[]> {
  const volumes = new Map(changes.map((one) => [one.ref, { ...one, steps: [...one.steps] }]));
  for (const reference of references) {
    const { volume, file } = reference;
    const { ref, kind, tree } = volume;
    const own = volumes.get(ref) ?? { ref, kind: kind!, tree: tree!, steps: [] };
    const same = own.steps.findLastIndex(({ names }) => isSame(names, file.names, kind!));
    const earlier = own.steps[same];
    if (earlier && earlier.do !== 'put-file') continue;
    if (!earlier && own.steps.some((step) => isCleared(step, file.names, kind!))) continue;
    const now = earlier
      ? chosen.forms.replaced(Buffer.from(earlier.bytes), chosen.chosen, file.names.at(-1))
      : await reference.rewritten(chosen.forms, chosen.chosen);
    if (!now) continue;
    const content = Buffer.isBuffer(now) ? { bytes: now, kept: null } : now;
    const step = earlier ? { ...earlier, ...content } : put(reference, content, chosen, mounts);
    if (earlier) own.steps[same] = step;
    else own.steps.push(step);
    volumes.set(ref, own);
  }
  return [...volumes.values()];
}

function put(
  { volume, file, found }: Reference,
  { bytes, kept }: { readonly bytes: Buffer; readonly kept: KeptStart | null },
  { chosen, reasons }: Chosen,
  mounts: readonly GuestMount[],
): PutFile {
  const { names, node } = file;
  const reason = reasons[[...found].find((one) => chosen.has(one))!];
  const path = asSeen(volume.ref, names, mounts);
  const change = replacedFile(reason, path, bytes);
  const { mode, ownerId, groupId } = node;
  const ownership = { mode: mode ?? FILE_MODE, userId: ownerId ?? 0, groupId: groupId ?? 0 };
  return { do: 'put-file', names, change, bytes, kept, ...ownership, was: { kind: 'file', node } };
}

/** As the guest sees it; what is mounted nowhere goes by its place in its volume. */
function asSeen(ref: string, names: Names, mounts: readonly GuestMount[]): string {
  for (const { mountPoint, volume, folder } of mounts) {
    const below = folder.split('/').filter(Boolean);
    if (volume !== ref || !below.every((name, i) => names[i] === name)) continue;
    return `${mountPoint === '/' ? '' : mountPoint}/${names.slice(below.length).join('/')}`;
  }
  return `/${names.join('/')}`;
}

const key = (names: Names, kind: string) => {
  const path = names.join('/');
  return FOLDS_CASE.test(kind) ? path.toLowerCase() : path;
};

const isSame = (a: Names, b: Names, kind: string) => key(a, kind) === key(b, kind);

const isCleared = (step: VolumeStep, names: Names, kind: string) =>
  step.do === 'clear-folder' && (step.names.length === 0 || key(names, kind).startsWith(`${key(step.names, kind)}/`));
