/** Networks that would not work, and their neighbours that do. */
import { expect, test } from 'vitest';
import { networkCard } from '../../../../src-engine/host/network-option.ts';
import { networkChecks } from '../../../../src-engine/jobs/deploy/network-checks.ts';

const said = (texts: readonly string[], recorded: readonly string[] = []) =>
  networkChecks(
    texts.map((text) => networkCard(text)!),
    recorded.map((card) => networkCard(`${card}=dhcp`)!),
  );
const codes = (...args: Parameters<typeof said>) => said(...args).map(({ code }) => code);

test.each([
  ['eth0=192.0.2.10/24,gateway=10.0.0.1', 'GATEWAY_OUTSIDE'],
  ['eth0=192.0.2.10/28,gateway=192.0.2.17', 'GATEWAY_OUTSIDE'],
  ['eth0=192.0.2.1/32,gateway=192.0.2.2', 'GATEWAY_OUTSIDE'],
  ['eth0=2001:db8::10/64,gateway=2001:db8:1::1', 'GATEWAY_OUTSIDE'],
  ['eth0=192.0.2.1/24,gateway=192.0.2.1', 'GATEWAY_IS_ITSELF'],
  ['eth0=2001:db8::1/64,gateway=2001:db8:0::1', 'GATEWAY_IS_ITSELF'],
  ['eth0=192.0.2.10/24,gateway=192.0.2.255', 'ADDRESS_NO_MACHINES'],
  ['eth0=192.0.2.255/24', 'ADDRESS_NO_MACHINES'],
  ['eth0=192.0.2.0/24', 'ADDRESS_NO_MACHINES'],
  ['eth0=192.0.2.15/28', 'ADDRESS_NO_MACHINES'],
  ['eth0=10.255.255.255/8', 'ADDRESS_NO_MACHINES'],
  ['eth0=127.0.0.1/8', 'ADDRESS_NO_MACHINES'],
  ['eth0=224.0.0.5/24', 'ADDRESS_NO_MACHINES'],
  ['eth0=ff02::1/64', 'ADDRESS_NO_MACHINES'],
])('%s is warned of', (text, code) => {
  expect(said([text])).toEqual([{ code, level: 'warn', data: expect.objectContaining({ card: 'eth0' }) }]);
});

test.each([
  'eth0=dhcp',
  'eth0=192.0.2.10/24,gateway=192.0.2.1',
  'eth0=192.0.2.10/24,10.0.0.2/8,gateway=10.0.0.1',
  // point to point
  'eth0=192.0.2.0/31,gateway=192.0.2.1',
  'eth0=192.0.2.255/31',
  'eth0=192.0.2.255/32',
  'eth0=192.0.2.255/23',
  'eth0=10.0.1.0/16',
  'eth0=2001:db8::/64',
  'eth0=2001:db8::ffff:ffff:ffff:ffff/64,gateway=fe80::1',
])('%s may work', (text) => expect(said([text])).toEqual([]));

test('a card that the guest does not have is warned of, where it has any set up', () => {
  expect(said(['eth1=dhcp'], ['eth0'])).toEqual([
    { code: 'CARD_NOT_RECORDED', level: 'warn', data: { card: 'eth1', cards: ['eth0'] } },
  ]);
  expect(codes(['2=dhcp'], ['eth0'])).toEqual(['CARD_NOT_RECORDED']);
  expect(codes(['eth0=dhcp', '1=dhcp', '52:54:00:12:34:56=dhcp'], ['eth0'])).toEqual([]);
  expect(codes(['eth1=dhcp'])).toEqual([]);
});
