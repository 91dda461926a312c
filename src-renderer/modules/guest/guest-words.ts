/** What is installed on a disk, in words. */
import { useI18n } from 'vue-i18n';
import type { Guest } from '../../../src-engine/contract/index.ts';
import { useFormat } from '../../client/format.ts';

export interface GuestFact {
  readonly key: string;
  readonly name: string;
  readonly value: string;
  /** the file or the table that it was read from */
  readonly origin: string;
}

const isPast = ({ date }: { readonly date: string }) => date < new Date().toISOString().slice(0, 10);

type Datum = { readonly value: unknown; readonly origin: string };

/** Call it in a component's set-up. */
export function useGuestWords() {
  const { t } = useI18n();
  const { list, date } = useFormat();

  /** null: nothing is known, and nothing is said. */
  function fact(key: string, { value, origin }: Datum, words: string | null): GuestFact | null {
    return value === null || words === null ? null : { key, name: t(`guest.${key}`), value: words, origin };
  }

  const isThere = (flag: boolean | null) => (flag === null ? null : t(flag ? 'report.yes' : 'report.no'));
  const several = (values: readonly string[] | null) => values && (values.length ? list(values) : t('report.nothing'));

  function system({ name, distribution, version, edition }: Guest) {
    if (name.value === null) return [distribution.value, version.value].filter(Boolean).join(' ') || null;
    const isSaid = edition.value === null || name.value.includes(edition.value);
    return isSaid ? name.value : `${name.value} ${edition.value}`;
  }

  function kernel({ bootKernel, kernelOrigin }: Guest) {
    if (bootKernel.value === null) return null;
    if (kernelOrigin.value === null) return bootKernel.value;
    return t('guest.kernelOf', { kernel: bootKernel.value, origin: t(`report.is.${kernelOrigin.value}`) });
  }

  function endOfLife({ endOfLife: { value } }: Guest) {
    if (value === null) return null;
    return t(isPast(value) ? 'guest.endedAt' : 'guest.endsAt', {
      date: date(value.date),
      table: date(value.tableDate),
    });
  }

  function endOfLifeInBrief({ endOfLife: { value } }: Guest) {
    if (value === null) return null;
    return isPast(value) ? t('guest.past', { date: date(value.date) }) : date(value.date);
  }

  const bootModes = ({ bootModes: { value } }: Guest) => several(value && value.map((mode) => t(`firmware.${mode}`)));
  const told = (facts: readonly (GuestFact | null)[]) => facts.filter((one) => one !== null);

  /** What a person looks for first: a few lines. */
  function inBrief(guest: Guest): GuestFact[] {
    return told([
      fact('system', guest.name.value === null ? guest.distribution : guest.name, system(guest)),
      fact('version', guest.version, guest.version.value),
      fact('architecture', guest.architecture, guest.architecture.value),
      fact('kernel', guest.bootKernel, kernel(guest)),
      fact('bootModes', guest.bootModes, bootModes(guest)),
      guest.usesLvm.value ? fact('usesLvm', guest.usesLvm, isThere(true)) : null,
      guest.isEncrypted.value ? fact('isEncrypted', guest.isEncrypted, isThere(true)) : null,
      fact('endOfLife', guest.endOfLife, endOfLifeInBrief(guest)),
    ]);
  }

  /** All that a version records. */
  function inFull(guest: Guest): GuestFact[] {
    const { bootLoaders, networkSystems, hasCloudInit, guestAgents, isGeneralized, hostname } = guest;
    const loaders = bootLoaders.value && [...new Set(bootLoaders.value.map(({ kind }) => t(`bootLoader.${kind}`)))];
    return told([
      fact('system', guest.name.value === null ? guest.distribution : guest.name, system(guest)),
      fact('version', guest.version, guest.version.value),
      fact('architecture', guest.architecture, guest.architecture.value),
      fact('kernel', guest.bootKernel, kernel(guest)),
      fact('bootLoaders', bootLoaders, several(loaders)),
      fact('bootModes', guest.bootModes, bootModes(guest)),
      fact('usesLvm', guest.usesLvm, isThere(guest.usesLvm.value)),
      fact('isEncrypted', guest.isEncrypted, isThere(guest.isEncrypted.value)),
      fact('usesSwap', guest.usesSwap, isThere(guest.usesSwap.value)),
      fact('networkSystems', networkSystems, several(networkSystems.value)),
      fact('hasCloudInit', hasCloudInit, isThere(hasCloudInit.value)),
      fact('guestAgents', guestAgents, several(guestAgents.value)),
      fact('hostname', hostname, hostname.value),
      fact('sysprepState', guest.sysprepState, guest.sysprepState.value),
      fact('isGeneralized', isGeneralized, isThere(isGeneralized.value)),
      fact('endOfLife', guest.endOfLife, endOfLife(guest)),
    ]);
  }

  /** Who knows no system and no kernel knows nothing worth a table. */
  const isKnown = (guest: Guest) => system(guest) !== null || guest.bootKernel.value !== null;

  return { inBrief, inFull, isKnown };
}
