/** What is known of a machine, in a few words. What is not known is said as unknown, never left out. */
import { useI18n } from 'vue-i18n';
import type { Drive, MachineProfile, RaidArray } from '../../../src-engine/contract/index.ts';
import { useFormat } from '../../client/format.ts';

const RAID = /^raid(\d+)$/;

/** How many facts nobody knows: rules about them warn. */
export const unknownCount = (profile: MachineProfile) =>
  Object.values(profile).filter((value) => value === null).length;

/** Call it in a component's set-up. */
export function useMachineWords() {
  const { t } = useI18n();
  const { bytes, number, list, count } = useFormat();

  const unknown = () => t('report.unknown');
  const known = (value: string | null) => value ?? unknown();
  const yesNo = (value: boolean | null) => (value === null ? unknown() : t(value ? 'report.yes' : 'report.no'));
  /** maker and product, maker and board: either may be missing */
  const joined = (...parts: (string | null)[]) => parts.filter(Boolean).join(' ') || unknown();

  const level = ({ level: of }: RaidArray) => {
    if (of === null) return unknown();
    const plain = RAID.exec(of);
    return plain ? `RAID ${plain[1]}` : of;
  };

  /** memory is made and sold in powers of two */
  const memory = (of: number | null) =>
    of === null
      ? unknown()
      : of % 2 ** 20 === 0
        ? t('configuration.gib', { value: number(Number((of / 2 ** 30).toFixed(1))) })
        : bytes(of);

  /** `512n`, `512e`, `4Kn`, as it stands on a drive's label */
  function sectors({ sectorBytes, physicalSectorBytes }: Drive) {
    if (sectorBytes === 512 && physicalSectorBytes === 512) return '512n';
    if (sectorBytes === 512 && physicalSectorBytes === 4096) return '512e';
    if (sectorBytes === 4096) return '4Kn';
    return `${sectorBytes}/${physicalSectorBytes}`;
  }

  /** for a row of a list: what differs most between machines */
  function inShort(profile: MachineProfile) {
    const { firmware, drives, arrays } = profile;
    return [
      firmware && t(`firmware.${firmware}`),
      drives && count('machines.driveCount', drives.length),
      arrays?.length ? list(arrays.map(level)) : null,
    ]
      .filter(Boolean)
      .join(' · ');
  }

  return { unknown, known, yesNo, joined, level, memory, sectors, inShort };
}
