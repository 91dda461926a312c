/** How a guest was set up, from the files of each system; nothing of it that a setting could not say. */
import { describe, expect, test } from 'vitest';
import type { RecordedSettings } from '../../../src-engine/contract/deploy.contract.ts';
import { readRecordedSettings } from '../../../src-engine/guest/configuration/recorded-settings.ts';
import { memoryTree, type MemoryFiles } from '../../support/memory-tree.ts';

const RELEASE = { '/etc/os-release': 'ID=debian\nVERSION_ID="12"\n' };

async function read(files: MemoryFiles): Promise<RecordedSettings> {
  const volume = {
    ref: '1',
    label: '',
    uuid: '',
    kind: 'ext4',
    tree: memoryTree({ ...RELEASE, ...files }),
    recognised: null,
  };
  return (await readRecordedSettings([volume], new AbortController().signal))!;
}

const cards = async (files: MemoryFiles) =>
  (await read(files)).network.map(({ card, ipv4, ipv6, dns, searchDomains }) => [card, ipv4, ipv6, dns, searchDomains]);

describe('name, time and language', () => {
  test('of Debian', async () => {
    const found = await read({
      '/etc/hostname': 'web\n',
      '/etc/hosts': '127.0.0.1 localhost\n# 127.0.1.1 web.wrong web\n127.0.1.1 web.lab.example web\n',
      '/etc/localtime': '-> /usr/share/zoneinfo/Europe/Paris',
      '/etc/timezone': 'Etc/UTC\n',
      '/etc/default/locale': '# comment\nLANG="fr_FR.UTF-8"\n',
      '/etc/default/keyboard': 'XKBMODEL="pc105"\nXKBLAYOUT="ch,us"\nXKBVARIANT="fr,"\n',
      '/etc/passwd':
        'root:x:0:0:root:/root:/bin/bash\nwww:x:33:33::/var/www:/usr/sbin/nologin\nnobody:x:65534:65534::/:/bin/sh\nanna:x:1000:1000:Anna,,,:/home/anna:/bin/bash\nbuild:x:1001:1001::/home/build:/bin/false\n',
    });
    expect(found).toEqual({
      ...{ hostname: 'web', domain: 'lab.example', timezone: 'Europe/Paris', locale: 'fr_FR.UTF-8', keyboard: 'ch:fr' },
      ...{ network: [], users: ['anna'] },
    });
  });

  test('of Red Hat, old and new', async () => {
    const old = await read({
      '/etc/sysconfig/network': 'NETWORKING=yes\nHOSTNAME=db.lab.example\n',
      '/etc/sysconfig/clock': 'ZONE="Europe/Berlin"\n',
      '/etc/sysconfig/i18n': 'LANG="de_DE.UTF-8"\n',
      '/etc/sysconfig/keyboard': 'KEYTABLE="de"\n',
      '/etc/passwd': 'ada:x:500:500::/home/ada:/bin/bash\ndaemon:x:501:501::/var/lib/d:/bin/sh\n',
    });
    expect(old).toMatchObject({
      hostname: 'db',
      domain: 'lab.example',
      timezone: 'Europe/Berlin',
      keyboard: 'de',
      users: ['ada'],
    });
    const recent = await read({
      '/etc/locale.conf': 'LANG=en_US.UTF-8\n',
      '/etc/vconsole.conf': 'KEYMAP="fr-latin1"\nXKBLAYOUT=fr\n',
    });
    expect(recent).toMatchObject({ locale: 'en_US.UTF-8', keyboard: 'fr' });
  });

  test('that no setting could say are not taken', async () => {
    const found = await read({
      '/etc/hostname': 'a b; reboot\n',
      '/etc/localtime': '-> /usr/share/zoneinfo/../../../etc/shadow',
      '/etc/default/locale': 'LANG=$(reboot)\n',
      '/etc/default/keyboard': 'XKBLAYOUT="US\u0000"\n',
      '/etc/passwd': `${'x'.repeat(40)}:x:1000:1000::/home/x:/bin/sh\nev il:x:1000:1000::/home/e:/bin/sh\n`,
    });
    expect(found).toEqual({
      ...{ hostname: '', domain: '', timezone: '', locale: '', keyboard: '', network: [], users: [] },
    });
  });
});

describe('cards', () => {
  test('of ifupdown', async () => {
    const interfaces =
      'auto lo\niface lo inet loopback\n\nallow-hotplug ens3\niface ens3 inet dhcp\niface ens3 inet6 auto\n\nauto eth1\niface eth1 inet static\n  address 192.0.2.10\n  netmask 255.255.255.0\n  gateway 192.0.2.1\n  dns-nameservers 192.0.2.53 192.0.2.54\n';
    const more =
      'iface eth2 inet static\n  address 198.51.100.7/25\niface eth2 inet6 static\n  address 2001:db8::7\n  netmask 64\n';
    expect(await cards({ '/etc/network/interfaces': interfaces, '/etc/network/interfaces.d/more': more })).toEqual([
      ['ens3', 'dhcp', 'auto', [], []],
      ['eth1', { addresses: ['192.0.2.10/24'], gateway: '192.0.2.1' }, 'auto', ['192.0.2.53', '192.0.2.54'], []],
      ['eth2', { addresses: ['198.51.100.7/25'] }, { addresses: ['2001:db8::7/64'] }, [], []],
    ]);
  });

  test('of netplan, where a later file changes an earlier one', async () => {
    const first =
      'network:\n  version: 2\n  ethernets:\n    ens3:\n      dhcp4: true\n    lan:\n      match: {macaddress: "52:54:00:12:34:56"}\n      addresses: [192.0.2.9/24]\n      routes: [{to: default, via: 192.0.2.1}]\n      nameservers: {addresses: [192.0.2.53], search: [lab.example]}\n';
    const second =
      'network:\n  ethernets:\n    ens3:\n      dhcp4: false\n      addresses:\n        - 203.0.113.5/24: {label: x}\n';
    expect(await cards({ '/etc/netplan/00.yaml': first, '/etc/netplan/50-cloud-init.yaml': second })).toEqual([
      ['ens3', { addresses: ['203.0.113.5/24'] }, 'auto', [], []],
      [
        '52:54:00:12:34:56',
        { addresses: ['192.0.2.9/24'], gateway: '192.0.2.1' },
        'auto',
        ['192.0.2.53'],
        ['lab.example'],
      ],
    ]);
  });

  test('of NetworkManager, systemd-networkd and ifcfg files', async () => {
    const keyfile =
      '[connection]\nid=w\ntype=ethernet\ninterface-name=enp1s0\n\n[ipv4]\nmethod=manual\naddress1=192.0.2.4/24,192.0.2.1\ndns=192.0.2.53;192.0.2.54;\n\n[ipv6]\nmethod=disabled\n';
    const wifi = '[connection]\nid=w\ntype=wifi\ninterface-name=wlan0\n';
    const unit = '[Match]\nName=enp2s0\n\n[Network]\nDHCP=yes\nDNS=192.0.2.53\n';
    const ifcfg =
      'DEVICE=eth0\nBOOTPROTO=none\nIPADDR=192.0.2.8\nPREFIX=24\nGATEWAY=192.0.2.1\nDNS1=192.0.2.53\nIPV6INIT=no\n';
    expect(
      await cards({
        '/etc/NetworkManager/system-connections/w.nmconnection': keyfile,
        '/etc/NetworkManager/system-connections/wifi.nmconnection': wifi,
        '/etc/systemd/network/20.network': unit,
        '/etc/sysconfig/network-scripts/ifcfg-eth0': ifcfg,
        '/etc/sysconfig/network-scripts/ifcfg-lo': 'DEVICE=lo\nIPADDR=127.0.0.1\n',
      }),
    ).toEqual([
      ['enp2s0', 'dhcp', 'auto', ['192.0.2.53'], []],
      ['enp1s0', { addresses: ['192.0.2.4/24'], gateway: '192.0.2.1' }, 'none', ['192.0.2.53', '192.0.2.54'], []],
      ['eth0', { addresses: ['192.0.2.8/24'], gateway: '192.0.2.1' }, 'none', ['192.0.2.53'], []],
    ]);
  });

  test.each<[string, MemoryFiles]>([
    [
      'YAML that makes much of little',
      { '/etc/netplan/a.yaml': `a: &a [1]\nb: &b [*a,*a]\nnetwork: {ethernets: {ens3: *b}}\n` },
    ],
    ['YAML that is none', { '/etc/netplan/a.yaml': 'network: [\n' }],
    ['YAML of other shapes', { '/etc/netplan/a.yaml': 'network: {ethernets: [1, 2], renderer: {}}\n' }],
    ['a pipe', { '/etc/network/interfaces': { kind: 'fifo' } }],
    [
      'a file of a gigabyte',
      { '/etc/network/interfaces': { content: 'iface eth0 inet dhcp\n', lengthBytes: 2 ** 30 } },
    ],
    ['a name that is none', { '/etc/network/interfaces': 'iface eth0;reboot inet dhcp\n' }],
    [
      'an address that is none',
      { '/etc/network/interfaces': 'iface eth0 inet static\naddress 999.1.1.1/24\nnetmask x\n' },
    ],
  ])('are none, or say less, from %s', async (_, files) => {
    const network = await cards(files);
    expect(network.every(([card, ipv4]) => card === 'eth0' && ipv4 === 'none')).toBe(true);
  });

  test('are no more than a request may name', async () => {
    const text = Array.from({ length: 500 }, (_, i) => `iface eth${i} inet dhcp`).join('\n');
    expect(await cards({ '/etc/network/interfaces': text })).toHaveLength(32);
  });
});
