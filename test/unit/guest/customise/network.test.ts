/** The network in each of the systems that bring it up; that others read it as it is meant is judged in test/integ/guest/customise.test.ts. */
import { describe, expect, test } from 'vitest';
import { plannedFor } from '../../../support/guest-changes.ts';
import type { MemoryFiles } from '../../../support/memory-tree.ts';

const DEBIAN: MemoryFiles = { '/etc/os-release': 'ID=debian\nVERSION_ID=12\n', '/etc/debian_version': '12.5\n' };
const INTERFACES =
  '# how to\nsource /etc/network/interfaces.d/*\n\nauto lo ens3\niface lo inet loopback\n\n# the primary one\nallow-hotplug ens3\niface ens3 inet dhcp\n    up echo \\\n      iface x\n# behind\niface br0 inet dhcp\n    bridge_ports none\n';
const CENTOS = (version: number): MemoryFiles => ({
  '/etc/redhat-release': `CentOS release ${version}.10 (Final)\n`,
  '/etc/sysconfig/network': 'NETWORKING=yes\nGATEWAY=10.9.9.9\n',
});
const STATIC = {
  ipv4: { addresses: ['10.1.1.7/20'], gateway: '10.1.1.1' },
  ipv6: 'auto' as const,
  dns: ['10.1.1.2'],
  searchDomains: ['lab.test'],
};
const DHCP = { ipv4: 'dhcp' as const, ipv6: 'auto' as const };
const network = (files: MemoryFiles, ...cards: object[]) => plannedFor(files, { network: cards as never });

describe('which system is in use', () => {
  test.each([
    ['Debian', { ...DEBIAN, '/etc/network/interfaces': INTERFACES }, '/etc/network/interfaces'],
    [
      'Debian with a desktop',
      { ...DEBIAN, '/etc/network/interfaces': 'auto lo\niface lo inet loopback\n', '/usr/sbin/NetworkManager': '' },
      '/etc/NetworkManager/system-connections/diskpress-ens3.nmconnection',
    ],
    [
      'Debian with a desktop, and a card of its own',
      { ...DEBIAN, '/etc/network/interfaces': INTERFACES, '/usr/sbin/NetworkManager': '' },
      '/etc/network/interfaces',
    ],
    [
      'Ubuntu',
      { ...DEBIAN, '/etc/netplan/00-installer-config.yaml': 'network: {version: 2}\n', '/etc/network/interfaces': '' },
      '/etc/netplan/90-diskpress.yaml',
    ],
    [
      'Arch',
      { '/etc/os-release': 'ID=arch\n', '/etc/systemd/network/20-wired.network': '[Match]\nName=en*\n' },
      '/etc/systemd/network/00-diskpress-ens3.network',
    ],
    ['CentOS 6', CENTOS(6), '/etc/sysconfig/network-scripts/ifcfg-ens3'],
    [
      'RHEL 8 with ifcfg',
      {
        '/etc/redhat-release': 'Red Hat Enterprise Linux release 8.10 (Ootpa)\n',
        '/etc/sysconfig/network-scripts/ifcfg-eth0': '',
      },
      '/etc/sysconfig/network-scripts/ifcfg-ens3',
    ],
    [
      'RHEL 9',
      { '/etc/redhat-release': 'Red Hat Enterprise Linux release 9.4 (Plow)\n' },
      '/etc/NetworkManager/system-connections/diskpress-ens3.nmconnection',
    ],
    [
      'openSUSE',
      {
        '/etc/os-release': 'ID=opensuse-leap\nVERSION_ID=15.6\n',
        '/etc/sysconfig/network/ifcfg-eth0': "BOOTPROTO='dhcp'\n",
      },
      '/etc/sysconfig/network/ifcfg-ens3',
    ],
    [
      'Alpine',
      { '/etc/os-release': 'ID=alpine\nVERSION_ID=3.22.1\n', '/etc/network/interfaces': 'auto lo\n' },
      '/etc/network/interfaces',
    ],
  ])('%s', async (_, files, path) => {
    expect((await network(files, { card: 'ens3', ...DHCP })).change(path)?.kind).toBe('write');
  });
  test('none that is known', async () => {
    expect((await network(DEBIAN, { card: 'ens3', ...DHCP })).told).toEqual(['-network no-network-system']);
  });
});

describe('ifupdown', () => {
  test('the old stanza goes, everything else stays byte for byte', async () => {
    const text = (
      await network({ ...DEBIAN, '/etc/network/interfaces': INTERFACES }, { card: 'ens3', ...STATIC })
    ).text('/etc/network/interfaces');
    expect(text).toBe(
      '# how to\nsource /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\n# the primary one\n# behind\niface br0 inet dhcp\n    bridge_ports none\n' +
        '\nallow-hotplug ens3\niface ens3 inet static\n    address 10.1.1.7\n    netmask 255.255.240.0\n    gateway 10.1.1.1\niface ens3 inet6 auto\n',
    );
  });
  test('a card in a file beside it', async () => {
    const files = {
      ...DEBIAN,
      '/etc/network/interfaces': 'source-directory interfaces.d\n',
      '/etc/network/interfaces.d/50-cloud-init': Buffer.from(
        '# \xe9\nauto ens3\niface ens3 inet dhcp\nauto ens4\niface ens4 inet dhcp\n',
        'latin1',
      ),
    };
    const plan = await network(files, { card: 'ens3', ...DHCP });
    expect(plan.text('/etc/network/interfaces.d/50-cloud-init')).toBe('# \xe9\nauto ens4\niface ens4 inet dhcp\n');
  });
  test('by order and by address it counts and looks itself', async () => {
    const plan = await network(
      { ...DEBIAN, '/etc/network/interfaces': INTERFACES },
      { card: '2', ...DHCP },
      { card: '52:54:00:AA:BB:CC', ...DHCP },
    );
    expect(plan.text('/etc/network/interfaces')).toContain('auto /e*/2=diskpress-2\niface diskpress-2 inet dhcp\n');
    expect(plan.text('/etc/network/interfaces')).toContain('auto mac/52:54:00:aa:bb:cc=diskpress-52-54-00-aa-bb-cc\n');
    expect(plan.told).toEqual(['network network-card-nth', 'network network-card']);
  });
  test('name servers: resolvconf, the file itself, or systemd-resolved', async () => {
    const files = { ...DEBIAN, '/etc/network/interfaces': INTERFACES };
    const card = { card: 'ens3', ...STATIC };
    expect((await network(files, card)).text('/etc/resolv.conf')).toBe('search lab.test\nnameserver 10.1.1.2\n');
    const other = await network({ ...files, '/sbin/resolvconf': '' }, card);
    expect(other.text('/etc/network/interfaces')).toContain('    dns-nameservers 10.1.1.2\n    dns-search lab.test\n');
    expect(other.change('/etc/resolv.conf')).toBeUndefined();
    const third = await network(
      {
        ...files,
        '/etc/resolv.conf': '-> ../run/systemd/resolve/stub-resolv.conf',
        '/lib/systemd/systemd-resolved': '',
      },
      card,
    );
    expect(third.text('/etc/systemd/resolved.conf.d/diskpress.conf')).toBe(
      '[Resolve]\nDNS=10.1.1.2\nDomains=lab.test\n',
    );
  });
});

describe('netplan', () => {
  const installer =
    '# by the installer\nnetwork:\n  ethernets:\n    ens3:\n      dhcp4: true\n    # the other one\n    ens4:\n      dhcp4: true\n  version: 2\n';
  test('lists of two files are joined, so the card goes out of the old one', async () => {
    const plan = await network({ ...DEBIAN, '/etc/netplan/00.yaml': installer }, { card: 'ens3', ...STATIC });
    expect(plan.text('/etc/netplan/00.yaml')).toBe(
      '# by the installer\nnetwork:\n  ethernets:\n    ens3: {}\n    # the other one\n    ens4:\n      dhcp4: true\n  version: 2\n',
    );
    expect(plan.change('/etc/netplan/90-diskpress.yaml')).toMatchObject({ mode: 0o600 });
  });
  test('a bridge keeps the name by which it knows the card', async () => {
    const text =
      'network:\n  ethernets:\n    lan:\n      match: {macaddress: "52:54:00:aa:bb:cc"}\n  bridges:\n    br0:\n      interfaces: [lan]\n';
    const plan = await network({ ...DEBIAN, '/etc/netplan/00.yaml': text }, { card: '52:54:00:AA:BB:CC', ...DHCP });
    expect(plan.text('/etc/netplan/90-diskpress.yaml')).toContain(
      '    lan:\n      match:\n        macaddress: "52:54:00:aa:bb:cc"\n',
    );
    expect(plan.change('/etc/netplan/00.yaml')).toBeUndefined();
  });
  test('the one card of a machine, whatever its name', async () => {
    const plan = await network(
      { ...DEBIAN, '/etc/netplan/00.yaml': 'network:\n  ethernets:\n    enp1s0: {dhcp4: true}\n' },
      { card: '1', ...DHCP },
    );
    expect(plan.text('/etc/netplan/90-diskpress.yaml')).toContain('match:\n        name: "e*"\n');
    expect(plan.text('/etc/netplan/00.yaml')).toBe('network:\n  ethernets: {}\n');
    expect(plan.told).toEqual(['network network-card-only']);
  });
});

describe('NetworkManager', () => {
  const files = {
    '/etc/redhat-release': 'Red Hat Enterprise Linux release 9.4 (Plow)\n',
    '/etc/NetworkManager/system-connections/old.nmconnection':
      '[connection]\nid=old\ntype=ethernet\ninterface-name=eth0\nautoconnect=true\n',
    '/etc/NetworkManager/system-connections/wifi.nmconnection': '[connection]\nid=w\ntype=wifi\n',
  };
  test('a keyfile that others cannot read; the old connection waits', async () => {
    const plan = await network(files, { card: 'eth0', ...STATIC, ipv6: 'none' });
    const path = '/etc/NetworkManager/system-connections/diskpress-eth0.nmconnection';
    expect(plan.change(path)).toMatchObject({ mode: 0o600, owner: { userId: 0, groupId: 0 } });
    expect(plan.text(path)).toMatch(/^uuid=[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/m);
    expect(plan.text(path)).toContain('[ipv6]\nmethod=disabled\n');
    expect(plan.text('/etc/NetworkManager/system-connections/old.nmconnection')).toBe(
      '[connection]\nautoconnect=false\nid=old\ntype=ethernet\ninterface-name=eth0\n',
    );
    expect(plan.changes).toHaveLength(2);
  });
});

describe('ifcfg', () => {
  test('CentOS 6: the file of the card keeps what does not speak of addresses; the gateway of all cards goes', async () => {
    const text =
      '# eth0\nDEVICE=eth0\nHWADDR=00:11:22:33:44:55\nUUID=x\nONBOOT=no\nBOOTPROTO=dhcp\nMTU=9000\nIPADDR1=10.0.0.3\n';
    const plan = await network(
      { ...CENTOS(6), '/etc/sysconfig/network-scripts/ifcfg-eth0': text },
      { card: '1', ...STATIC },
    );
    expect(plan.text('/etc/sysconfig/network-scripts/ifcfg-eth0')).toBe(
      '# eth0\nUUID=x\nMTU=9000\nDEVICE=eth0\nONBOOT=yes\nBOOTPROTO=none\nIPADDR=10.1.1.7\nNETMASK=255.255.240.0\nGATEWAY=10.1.1.1\nIPV6INIT=yes\nIPV6_AUTOCONF=yes\nDNS1=10.1.1.2\nDOMAIN="lab.test"\n',
    );
    expect(plan.text('/etc/sysconfig/network')).toBe('NETWORKING=yes\nNETWORKING_IPV6=yes\n');
    expect(plan.told).toEqual(['network network-card-named']);
  });
  test('CentOS 5 has a file for each address', async () => {
    const plan = await network(CENTOS(5), {
      card: 'eth0',
      ipv4: { addresses: ['10.0.0.2/8', '192.168.0.2/24'] },
      ipv6: 'none',
    });
    expect(plan.text('/etc/sysconfig/network-scripts/ifcfg-eth0:1')).toBe(
      'DEVICE=eth0:1\nONPARENT=yes\nIPADDR=192.168.0.2\nNETMASK=255.255.255.0\n',
    );
  });
  test('CentOS 6 renames the card that has the address', async () => {
    const plan = await network(CENTOS(6), { card: '52:54:00:aa:bb:cc', ...DHCP });
    expect(plan.text('/etc/sysconfig/network-scripts/ifcfg-eth0')).toContain('DEVICE=eth0\nHWADDR=52:54:00:AA:BB:CC\n');
  });
  test('openSUSE', async () => {
    const suse = {
      '/etc/os-release': 'ID=opensuse-leap\nVERSION_ID=15.6\n',
      '/etc/sysconfig/network/ifcfg-eth0': "# x\nBOOTPROTO='dhcp'\nMTU='1400'\n",
      '/etc/sysconfig/network/config': 'NETCONFIG_DNS_STATIC_SERVERS=""\n',
    };
    const plan = await network(suse, { card: 'eth0', ...STATIC });
    expect(plan.text('/etc/sysconfig/network/ifcfg-eth0')).toBe(
      "# x\nMTU='1400'\nSTARTMODE='auto'\nBOOTPROTO='static'\nIPADDR='10.1.1.7/20'\n",
    );
    expect(plan.text('/etc/sysconfig/network/ifroute-eth0')).toBe('default 10.1.1.1 - eth0\n');
    expect(plan.text('/etc/sysconfig/network/config')).toBe(
      'NETCONFIG_DNS_STATIC_SERVERS="10.1.1.2"\nNETCONFIG_DNS_STATIC_SEARCHLIST=lab.test\n',
    );
  });
});

describe('default routes of openSUSE', () => {
  const ROUTES = 'default 10.9.9.1 - -\n10.0.0.0/8 10.9.9.2 - -\ndefault fe80::1 - eth1\n';
  const SUSE = {
    '/etc/os-release': 'ID=opensuse-leap\nVERSION_ID=15.6\n',
    '/etc/sysconfig/network/ifcfg-eth0': "BOOTPROTO='static'\nIPADDR='10.9.9.9/24'\n",
    '/etc/sysconfig/network/ifroute-eth0': '0.0.0.0/0 10.9.9.1 - eth0\n10.1.0.0/16 10.9.9.3 - eth0\n',
    '/etc/sysconfig/network/routes': ROUTES,
  };
  test('a gateway takes the place of the one of all cards', async () => {
    const plan = await network(SUSE, { card: 'eth0', ...STATIC });
    expect(plan.text('/etc/sysconfig/network/ifroute-eth0')).toBe('default 10.1.1.1 - eth0\n');
    expect(plan.text('/etc/sysconfig/network/routes')).toBe('10.0.0.0/8 10.9.9.2 - -\ndefault fe80::1 - eth1\n');
  });
  test('DHCP brings its own', async () => {
    const plan = await network(SUSE, { card: 'eth0', ...DHCP });
    expect(plan.text('/etc/sysconfig/network/ifroute-eth0')).toBe('10.1.0.0/16 10.9.9.3 - eth0\n');
    expect(plan.text('/etc/sysconfig/network/routes')).toBe('10.0.0.0/8 10.9.9.2 - -\ndefault fe80::1 - eth1\n');
  });
  test('an address without a gateway leaves what other cards go by', async () => {
    const setting = { card: 'eth1', ipv4: { addresses: ['10.5.0.2/24'] }, ipv6: 'none' } as const;
    const plan = await network(SUSE, setting);
    expect(plan.text('/etc/sysconfig/network/routes')).toBe('default 10.9.9.1 - -\n10.0.0.0/8 10.9.9.2 - -\n');
  });
});

describe('systemd-networkd', () => {
  // the first by name that matches a card counts
  test.each([
    ['00-all.network', '00--diskpress-ens3'],
    ['00-diskpress-1.network', '00--diskpress-ens3'],
    ['00-diskpress-ens3.network', '00-diskpress-ens3'],
    ['0-all.network', '0--diskpress-ens3'],
    ['--.network', '!diskpress-ens3'],
    ['00-all.link', '00-diskpress-ens3'],
  ])('beside %s: %s', async (other, name) => {
    for (const folder of ['/etc/systemd/network', '/usr/lib/systemd/network']) {
      const files = { '/etc/os-release': 'ID=arch\n', [`${folder}/${other}`]: '[Match]\nName=en*\n' };
      const plan = await network({ ...files, '/etc/systemd/network/x.network': '' }, { ...DHCP, card: 'ens3' });
      expect(plan.changes.map(({ path }) => path)).toEqual([`/etc/systemd/network/${name}.network`]);
    }
  });
});

describe('which card is meant', () => {
  const networkd = { '/etc/os-release': 'ID=arch\n', '/etc/systemd/network/a.network': '' };
  test.each([
    ['named twice', networkd, [{ card: 'ens3' }, { card: 'ens3' }], 'card-twice'],
    ['no place', networkd, [{ card: '0' }], 'card-place'],
    ['the second of cards whose names nobody knows', networkd, [{ card: '1' }, { card: '2' }], 'card-order-unknown'],
    [
      'by address where only names are known',
      { ...DEBIAN, '/etc/os-release': 'ID=debian\nVERSION_ID=9\n', '/etc/network/interfaces': INTERFACES },
      [{ card: '52:54:00:aa:bb:cc' }],
      'card-not-by-mac',
    ],
  ])('%s: no card is set', async (_, files, cards, code) => {
    const plan = await network(files as MemoryFiles, ...cards.map((card) => ({ ...DHCP, ...card })));
    expect([plan.changes, plan.told]).toEqual([[], [`-network ${code}`]]);
  });
  test('names of old are turned on: the second is eth1', async () => {
    const plan = await network(
      { ...networkd, '/etc/default/grub': 'GRUB_CMDLINE_LINUX="net.ifnames=0"\n' },
      { card: '1', ...DHCP },
      { card: '2', ...DHCP },
    );
    expect(plan.notes.map(({ data }) => data.name)).toEqual(['eth0', 'eth1']);
  });
  test('the names that were recorded', async () => {
    const files = {
      '/etc/redhat-release': 'CentOS Linux release 7.6.1810 (Core)\n',
      '/etc/sysconfig/network-scripts/ifcfg-ens32': '',
      '/etc/sysconfig/network-scripts/ifcfg-ens33': '',
    };
    const plan = await network(files, { card: '2', ...DHCP });
    expect(plan.notes.map(({ code, data }) => [code, data.name])).toEqual([['network-card-named', 'ens33']]);
  });
});

describe('hostile guests', () => {
  test.each([
    [
      'YAML with a bomb of aliases',
      `network:\n  ethernets: &a\n    ens3: {dhcp4: true}\n  x: &b [${'*a,'.repeat(9)}*a]\n  y: [${'*b,'.repeat(9)}*b]\n`,
    ],
    ['an entry whose name is a path', 'network:\n  ethernets:\n    "../../x\\ny": {match: {name: ens3}}\n'],
  ])('netplan: %s', async (_, text) => {
    const plan = await network({ ...DEBIAN, '/etc/netplan/00.yaml': text }, { card: 'ens3', ...DHCP });
    const written = plan.text('/etc/netplan/90-diskpress.yaml');
    expect(written === null || written.startsWith('network:\n  version: 2\n  ethernets:\n    ens3:\n')).toBe(true);
  });
  test('a card with a sign of another language in its name is not a card here', async () => {
    const files = { ...DEBIAN, '/etc/network/interfaces': 'iface ens3;reboot inet dhcp\niface ens3$(x) inet dhcp\n' };
    const plan = await network(files, { card: 'ens3', ...DHCP });
    expect(plan.text('/etc/network/interfaces')).toContain('iface ens3;reboot inet dhcp\niface ens3$(x) inet dhcp\n');
  });
  test('an interfaces file that is a folder', async () => {
    const plan = await network({ ...DEBIAN, '/etc/network/interfaces/x': '' }, { card: 'ens3', ...DHCP });
    expect(plan.changes).toEqual([]);
    expect(plan.told).toEqual(['-network file-not-regular']);
  });
});
