/** The example of a lab's own policy is one that counts. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { loadPolicies, rulesOf } from '../../../src-engine/policies/load-policies.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

it('the example that the page shows is a policy, with a rule of its own', async () => {
  const theirs = join(temporaryFolder(), 'policies');
  mkdirSync(theirs);
  copyFileSync(join(ROOT, 'src-renderer/modules/policies/example.yaml'), join(theirs, 'classroom-7.yaml'));
  const { all, refused } = await loadPolicies(join(ROOT, 'resources/policies'), theirs);
  expect(refused).toEqual([]);
  const policy = all.get('classroom-7');
  expect(policy?.kinds).toEqual(['lab']);
  expect(policy && rulesOf(policy, all).map(({ id }) => id)).toContain('classroom-7.small-disks');
});
