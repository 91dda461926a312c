/** Names and addresses that count from one machine to the next. */
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { SeveralSettingsSchema } from '../../../src-engine/contract/deploy.contract.ts';
import { settingsFor } from '../../../src-engine/jobs/deploy/settings-for-target.ts';

const named = (hostname: string, number: number) =>
  settingsFor(SeveralSettingsSchema.parse({ hostname }), undefined, number)!.hostname;

function addressed(address: string, number: number): string {
  const protocol = { addresses: [address], gateway: undefined };
  const isV6 = address.includes(':');
  const network = [{ card: 'eth0', ipv4: isV6 ? 'none' : protocol, ipv6: isV6 ? protocol : 'none' }];
  const [card] = settingsFor(SeveralSettingsSchema.parse({ network }), undefined, number)!.network;
  return (isV6 ? (card.ipv6 as typeof protocol) : (card.ipv4 as typeof protocol)).addresses[0];
}

describe('a host name', () => {
  test.each([
    ['lab', 3, 'lab'],
    ['lab-{n}', 3, 'lab-3'],
    ['lab-{n:02}', 3, 'lab-03'],
    ['lab-{n:03}', 12, 'lab-012'],
    ['lab-{n:02}', 112, 'lab-112'],
    ['{n}.room-{n}.example.org', 7, '7.room-7.example.org'],
  ])('%s of machine %i is %s', (pattern, number, name) => expect(named(pattern, number)).toBe(name));

  test.each(['lab-{n', 'lab-{m}', 'lab_{n}', '-{n}', 'lab {n}', 'lab-{n:xx}', '{n}-'])('%s is none', (pattern) => {
    expect(SeveralSettingsSchema.safeParse({ hostname: pattern }).success).toBe(false);
  });

  test('that becomes too long is refused', () => {
    expect(() => named(`${'x'.repeat(62)}{n}`, 10)).toThrow(EngineError);
  });
});

describe('a static address', () => {
  test.each([
    ['192.0.2.10/24', 1, '192.0.2.10/24'],
    ['192.0.2.10/24', 3, '192.0.2.12/24'],
    ['10.0.0.250/16', 8, '10.0.1.1/16'],
    ['192.0.2.254/31', 2, '192.0.2.255/31'],
    ['2001:db8::10/64', 7, '2001:db8::16/64'],
    ['2001:db8:1:2:3:4:5:ffff/64', 2, '2001:db8:1:2:3:4:6:0/64'],
    ['fe80::/10', 2, 'fe80::1/10'],
    ['::ffff:192.0.2.255/96', 2, '::ffff:c000:300/96'],
  ])('%s of machine %i is %s', (address, number, counted) => expect(addressed(address, number)).toBe(counted));

  test.each([
    ['192.0.2.250/24', 7],
    ['192.0.2.254/24', 2],
    ['192.0.2.255/32', 2],
    ['2001:db8::ffff/112', 2],
  ])('%s has no machine %i', (address, number) => expect(() => addressed(address, number)).toThrow(EngineError));
});

test('what one machine has for itself is as it is, and nothing else of it is lost', () => {
  const shared = SeveralSettingsSchema.parse({ hostname: 'lab-{n}', timezone: 'Europe/Paris' });
  const network = [{ card: 'eth0', ipv4: 'dhcp' as const, ipv6: 'auto' as const, dns: [], searchDomains: [] }];
  expect(settingsFor(shared, { hostname: 'desk', network, users: [] }, 5)).toMatchObject({
    hostname: 'desk',
    timezone: 'Europe/Paris',
    network,
  });
  expect(settingsFor(undefined, undefined, 2)).toBeUndefined();
});
