/** What is told of a guest that goes from a physical machine to a virtual one, or back. */
import { expect, test } from 'vitest';
import type { NetworkCard } from '../../../../src-engine/contract/deploy.contract.ts';
import { moveChecks, type Move } from '../../../../src-engine/jobs/deploy/move-checks.ts';
import { memoryTree, type MemoryFiles } from '../../../support/memory-tree.ts';

const signal = new AbortController().signal;
const cards = (...names: string[]): NetworkCard[] =>
  names.map((card) => ({ card, ipv4: 'dhcp', ipv6: 'auto', dns: [], searchDomains: [] }));
const menu = (words: string): MemoryFiles => ({
  '/etc/os-release': 'ID=debian\n',
  '/boot/grub/grub.cfg': `menuentry 'Linux' {\n linux /boot/vmlinuz root=/dev/sda1 ${words}\n}\n`,
});

async function told(move: Move, files: MemoryFiles, recorded: NetworkCard[] = [], asked: NetworkCard[] = []) {
  const volumes = [{ ref: '1', label: '', uuid: '', kind: 'ext4', tree: memoryTree(files), recognised: null }];
  return (await moveChecks(move, recorded, asked, volumes, signal)).map(({ code, data }) => [
    code,
    ...Object.values(data),
  ]);
}

const TO_VIRTUAL = { from: 'physical', to: 'virtual' } as const;
const TO_PHYSICAL = { from: 'virtual', to: 'physical' } as const;

test('cards by the names of their slots, unless they are set up anew', async () => {
  const recorded = cards('enp3s0', 'eno1', 'eth0', 'br0', 'wlp2s0', 'enx001122334455', '52:54:00:12:34:56');
  const files = menu('console=ttyS0');
  expect(await told(TO_VIRTUAL, files, recorded)).toEqual([
    ['CARDS_BY_SLOT', ['enp3s0', 'eno1', 'wlp2s0', 'enx001122334455'], 'virtual'],
  ]);
  expect(await told(TO_VIRTUAL, files, recorded, cards('1'))).toEqual([]);
  expect(await told(TO_VIRTUAL, files, cards('eth0'))).toEqual([]);
});

test('a console that will not be there', async () => {
  expect(await told(TO_VIRTUAL, menu('quiet'))).toEqual([['CONSOLE_NOT_SERIAL']]);
  expect(await told(TO_PHYSICAL, menu('console=tty0 console=ttyS0,115200'))).toEqual([
    ['CONSOLE_SERIAL_LAST', 'ttyS0'],
  ]);
  expect(await told(TO_PHYSICAL, menu('console=ttyS0 console=tty0'))).toEqual([]);
  expect(await told(TO_PHYSICAL, { '/etc/os-release': 'ID=debian\n' })).toEqual([]);
});

test('nothing on a machine of the same sort, or of one that is not known', async () => {
  for (const move of [
    { from: 'virtual', to: 'virtual' },
    { from: null, to: 'virtual' },
    { from: 'physical', to: null },
  ] as const) {
    expect(await told(move, menu('quiet'), cards('enp3s0'))).toEqual([]);
  }
});
