/** What the engine tells by a code is said by a name, on pages, on the command line and in documents. */
import { describe, expect, it } from 'vitest';
import type { PlannedVm } from '../../../src-engine/contract/index.ts';
import { planWords } from '../../../src-engine/report/plan-words.ts';
import { plannedVmNotes } from '../../../src-engine/words/planned-vm.ts';
import { createWords } from '../../../src-main/cli/words.ts';

describe('the network of a planned machine', () => {
  const valueOf = (value: string, recorded: string | null) => {
    const { t, bytes } = createWords('fr');
    const notes = [{ field: 'network', from: recorded === null ? 'usual' : 'adjusted', value, recorded }];
    return plannedVmNotes({ notes } as unknown as PlannedVm, t, bytes)[0]?.[1];
  };
  it.each([
    ['network default', 'bridge br0', 'réseau default (au lieu de\u202f: pont br0)'],
    ['user', 'bridged', 'un réseau à elle seule (au lieu de\u202f: bridged)'],
    ['network default', null, 'réseau default (rien n’était noté)'],
  ])('%s, where %o was recorded', (value, recorded, said) => {
    expect(valueOf(value, recorded)).toBe(said);
  });
});

describe('how a logical volume is made', () => {
  const data = { name: 'vg0/pool', mapping: 'thin-pool' };
  it('is said on the command line', () => {
    expect(createWords('fr').t('warning.LOGICAL_VOLUME_WHOLE', data)).toContain('(Réserve fine)');
  });
  it('is said in a document', () => {
    expect(planWords('en').say('warning.LOGICAL_VOLUME_WHOLE', data)).toContain('(Thin pool)');
  });
  it('is told as it is where it has no name', () => {
    expect(planWords('en').say('warning.LOGICAL_VOLUME_WHOLE', { ...data, mapping: 'vdo-pool' })).toContain(
      '(vdo-pool)',
    );
  });
});
