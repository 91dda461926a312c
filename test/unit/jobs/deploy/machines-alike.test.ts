/** What machines of one deploy have in common: what they are given, and what they were captured with. */
import { expect, test } from 'vitest';
import { GuestSettingsSchema, type GuestSettings } from '../../../../src-engine/contract/deploy.contract.ts';
import type { DeployPlan } from '../../../../src-engine/contract/plan.contract.ts';
import { withCapturedAlike } from '../../../../src-engine/jobs/deploy/machines-alike.ts';

const CARD = { card: 'eth0', ipv6: 'auto' as const, ipv4: { addresses: ['192.0.2.7/24'] } };
const [STATIC] = GuestSettingsSchema.parse({ network: [CARD] }).network;
const RECORDED = { hostname: 'golden', domain: 'example.org', timezone: '', locale: '', keyboard: '', users: [] };

const settings = (asked: object): GuestSettings => GuestSettingsSchema.parse(asked);

/** The values that each plan tells to be another machine's, too. */
function told(asked: readonly (GuestSettings | undefined)[], recorded: object | null, disksEach = 1): unknown[] {
  const plans = asked.map(() => ({ recorded: recorded && { ...RECORDED, network: [], ...recorded }, checks: [] }));
  return withCapturedAlike(asked, plans as unknown as DeployPlan[], disksEach).map(({ checks }) =>
    checks.map(({ code, data }) => [code, data.values]),
  );
}

const ALIKE = (...values: string[]) => [['MACHINES_ALIKE', values]];

test.each<[string, (GuestSettings | undefined)[], object | null, unknown[]]>([
  [
    'nothing is asked for: both have the captured name',
    [undefined, undefined],
    {},
    [ALIKE('golden.example.org'), ALIKE('golden.example.org')],
  ],
  ['each has a name of its own', [settings({ hostname: 'a' }), settings({ hostname: 'b' })], {}, [[], []]],
  [
    'one has one, two have the captured name',
    [settings({ hostname: 'a' }), undefined, undefined],
    {},
    [[], ALIKE('golden.example.org'), ALIKE('golden.example.org')],
  ],
  [
    'one is given the captured name',
    [settings({ hostname: 'Golden' }), undefined],
    {},
    [ALIKE('golden.example.org'), ALIKE('golden.example.org')],
  ],
  ['a single machine is like no other', [undefined], {}, [[]]],
  ['a name that is nobody’s', [undefined, undefined], { hostname: 'localhost', domain: 'localdomain' }, [[], []]],
  ['no system was looked at', [undefined, undefined], null, [[], []]],
  [
    'a captured address',
    [settings({ hostname: 'a' }), settings({ hostname: 'b' })],
    { network: [STATIC] },
    [ALIKE('192.0.2.7'), ALIKE('192.0.2.7')],
  ],
])('%s', (_, asked, recorded, expected) => {
  expect(told(asked, recorded)).toEqual(expected);
});

test('what is asked for alike is told once, with the rest', () => {
  const checks = [{ code: 'MACHINES_ALIKE', level: 'warn', data: { values: ['192.0.2.7'] } }];
  const asked = settings({ network: [CARD] });
  const plan = { recorded: { ...RECORDED, network: [] }, checks } as unknown as DeployPlan;
  const [first] = withCapturedAlike([asked, asked], [plan, plan], 1);
  expect(first.checks.map(({ data }) => data)).toEqual([{ values: ['golden.example.org', '192.0.2.7'] }]);
});

test('two disks of one machine are one machine', () => {
  const none = [undefined, undefined];
  expect(told(none, {}, 2)).toEqual([[], []]);
  expect(told([...none, ...none], {}, 2)).toEqual(Array(4).fill(ALIKE('golden.example.org')));
});
