/** Policies that could be real, their rules, and a lab's own file with an error. */
import type { CommandResult, ErrorView, RuleView } from '../../../src-engine/contract/index.ts';
import { POLICIES } from './fake-reports.ts';

const FOLDER = '/home/lab/.local/share/diskpress/policies';

const CLASSROOM = {
  ...POLICIES[3],
  id: 'classroom-7',
  name: { en: 'Classroom 7', fr: 'Salle 7' },
  isDefault: false,
  source: { document: 'Notes of the lab, page 12', date: '2026-11-21' },
  path: `${FOLDER}/classroom-7.yaml`,
  ruleCount: 12,
};
const INCLUDED = {
  ...POLICIES[0],
  id: 'every-kind',
  name: { en: 'Rules of every kind', fr: 'Règles de tous les types' },
  kinds: [],
  isDefault: false,
  ruleCount: 4,
};
const REFUSED: ErrorView = {
  code: 'POLICY_INVALID',
  message: '',
  hint: '',
  data: { path: `${FOLDER}/exam-rooms.yaml`, line: 14, reason: 'exam-rooms.disks: disk.count is no text' },
};

const NONE: CommandResult<'policy.list'> = { policies: [...POLICIES, INCLUDED], folder: FOLDER, refused: [] };
export const POLICY_LISTS = {
  none: NONE,
  own: { ...NONE, policies: [...POLICIES, INCLUDED, CLASSROOM], refused: [REFUSED] },
};

const BETA = { document: 'bare-metal@c3142b1 bm-about-custom-image-templates.md', date: '2020-11-11' };
const rule = (more: Pick<RuleView, 'id' | 'when' | 'fact' | 'test' | 'reason'> & Partial<RuleView>): RuleView => ({
  if: [],
  severity: 'block',
  canOverride: false,
  wayOut: { en: 'Use another machine, or the kind lab.', fr: 'Utiliser une autre machine, ou le type labo.' },
  source: BETA,
  contradicts: [],
  ...more,
});

const RULES: RuleView[] = [
  rule({
    id: 'licence-not-public',
    when: 'always',
    if: [{ fact: 'template.licence', test: { is: 'own' } }],
    fact: 'template.visibility',
    test: { isNot: 'public' },
    reason: {
      en: 'A system under your own licence may not be given to everybody.',
      fr: 'Un système sous sa propre licence ne peut pas être donné à tous.',
    },
    wayOut: {
      en: 'Make the template private, or share it with named people.',
      fr: 'Rendre le modèle privé, ou le partager avec des personnes nommées.',
    },
  }),
  rule({
    id: 'end-of-life',
    when: 'deploy',
    fact: 'guest.isPastEndOfLife',
    test: { is: false },
    canOverride: true,
    reason: {
      en: 'The operating system is past its end of life and gets no security updates any more.',
      fr: 'Le système d’exploitation est en fin de vie et ne reçoit plus de mises à jour de sécurité.',
    },
  }),
  rule({
    id: 'bm2020.source-physical',
    when: 'capture',
    fact: 'source.platform',
    test: { is: 'physical' },
    reason: {
      en: 'A bare-metal template is made of a physical machine.',
      fr: 'Un modèle bare-metal est fait d’une machine physique.',
    },
    wayOut: { en: 'Choose the kind standard, flex or lab.', fr: 'Choisir le type standard, flex ou labo.' },
  }),
  rule({
    id: 'bm2020.firmware-match',
    when: 'deploy',
    fact: 'guest.bootModes',
    test: { includes: 'machine.firmware' },
    contradicts: ['bm2020.no-uefi'],
    reason: {
      en: 'BIOS images go onto BIOS machines, UEFI images onto UEFI machines.',
      fr: 'Les images BIOS vont sur des machines BIOS, les images UEFI sur des machines UEFI.',
    },
  }),
  rule({
    id: 'bm2020.no-uefi',
    when: 'always',
    fact: 'machine.firmware',
    test: { isNot: 'uefi' },
    contradicts: ['bm2020.firmware-match'],
    reason: {
      en: 'Machines in UEFI boot mode are not supported. The same page also says that UEFI images go onto UEFI machines: it contradicts itself, and both rules stand.',
      fr: 'Les machines en mode de démarrage UEFI ne sont pas prises en charge. La même page dit aussi que les images UEFI vont sur des machines UEFI : elle se contredit, et les deux règles sont gardées.',
    },
  }),
  rule({
    id: 'bm2020.boards',
    when: 'always',
    fact: 'machine.boardFamily',
    test: { oneOf: ['x10', 'x11', 'lenovo'] },
    reason: {
      en: 'Supported boards are X10, X11 and Lenovo.',
      fr: 'Les cartes prises en charge sont X10, X11 et Lenovo.',
    },
  }),
  rule({
    id: 'bm2020.two-terabytes',
    when: 'always',
    fact: 'disk.largestBytes',
    test: { atMost: 2_199_023_255_552 },
    reason: { en: 'A drive may have 2 TB (2 TiB) at most.', fr: 'Un disque peut avoir 2 To (2 Tio) au plus.' },
  }),
  rule({
    id: 'bm2020.graphics',
    when: 'always',
    fact: 'machine.graphics',
    test: { oneOf: ['none', 'vgpu'] },
    severity: 'warn',
    reason: {
      en: 'vGPU is supported; of other graphics processors nothing is said.',
      fr: 'vGPU est pris en charge ; rien n’est dit d’autres processeurs graphiques.',
    },
  }),
];

/** The same rules whatever the policy. */
export function showPolicy(id: string): CommandResult<'policy.show'> | null {
  const policy = POLICY_LISTS.own.policies.find((one) => one.id === id);
  return policy ? { policy: { ...policy, ruleCount: RULES.length }, rules: RULES } : null;
}
