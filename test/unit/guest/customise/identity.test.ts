/** A fresh identity: what goes, what stays, and what comes back by itself. */
import { describe, expect, test } from 'vitest';
import { IDENTITY_THINGS, type IdentityThing } from '../../../../src-engine/contract/deploy.contract.ts';
import { memoryVolume, NEW_HEX, plannedFor } from '../../../support/guest-changes.ts';
import type { MemoryFiles } from '../../../support/memory-tree.ts';

const DEBIAN: MemoryFiles = {
  '/etc/os-release': 'ID=debian\nVERSION_ID=12\n',
  '/etc/debian_version': '12.5\n',
  '/usr/lib/systemd/systemd': '',
  '/usr/bin/ssh-keygen': '',
  '/etc/passwd': 'root:x:0:0::/root:/bin/bash\npupil:x:1000:1000::/srv/people/pupil:/bin/sh\n',
};
const CENTOS_6: MemoryFiles = {
  '/etc/redhat-release': 'CentOS release 6.10 (Final)\n',
  '/etc/rc.d/init.d/functions': '',
};

/** What becomes of files when one thing is made fresh: `remove /path`, sorted. */
async function changes(thing: IdentityThing, files: MemoryFiles, base: MemoryFiles = DEBIAN): Promise<string[]> {
  const { changes: found } = await plannedFor({ ...base, ...files }, {}, [thing]);
  return found.map(({ kind, path }) => `${kind} ${path}`).sort();
}

describe('machine id', () => {
  test('systemd: emptied and not removed, since a missing one means a first boot', async () => {
    const plan = await plannedFor(
      { ...DEBIAN, '/etc/machine-id': '0123\n', '/var/lib/dbus/machine-id': '0123\n' },
      {},
      ['machine-id'],
    );
    expect(plan.text('/etc/machine-id')).toBe('');
    expect(plan.change('/etc/machine-id')).toMatchObject({ mode: 0o444 });
    expect(plan.change('/var/lib/dbus/machine-id')).toMatchObject({ kind: 'link', target: '/etc/machine-id' });
  });
  test('a link of D-Bus stays', async () => {
    expect(
      await changes('machine-id', { '/etc/machine-id': '', '/var/lib/dbus/machine-id': '-> /etc/machine-id' }),
    ).toEqual(['write /etc/machine-id']);
  });
  test('CentOS 6 has that of D-Bus alone, which comes back when it is gone', async () => {
    expect(await changes('machine-id', { '/var/lib/dbus/machine-id': '0123\n' }, CENTOS_6)).toEqual([
      'remove /var/lib/dbus/machine-id',
    ]);
  });
  test('registrations at others go', async () => {
    const files = {
      '/etc/sysconfig/rhn/systemid': 'x',
      '/etc/pki/consumer/cert.pem': 'x',
      '/etc/krb5.keytab': 'x',
      '/etc/salt/minion_id': 'x',
    };
    expect(await changes('machine-id', files, CENTOS_6)).toEqual([
      'empty /etc/pki/consumer',
      'remove /etc/krb5.keytab',
      'remove /etc/salt/minion_id',
      'remove /etc/sysconfig/rhn/systemid',
    ]);
  });
});

describe('the name of an iSCSI initiator', () => {
  const path = '/etc/iscsi/initiatorname.iscsi';
  const files = { [path]: '# x\nInitiatorName=iqn.1993-08.org.debian:01:abc\n' };
  const become = async (text: MemoryFiles) => plannedFor({ ...DEBIAN, ...text }, {}, ['machine-id']);

  test('Debian makes a new one where the file says so', async () => {
    const plan = await become({ ...files, '/usr/lib/open-iscsi/startup-checks.sh': '' });
    expect(plan.text(path)).toBe('GenerateName=yes\n');
  });
  test('RHEL makes a new one where there is none', async () => {
    const plan = await become({ ...files, '/usr/lib/systemd/system/iscsi-init.service': '' });
    expect(plan.change(path)).toMatchObject({ kind: 'remove' });
  });
  test('elsewhere a new one is written, of the same authority', async () => {
    const plan = await become(files);
    expect(plan.text(path)).toBe(`# x\nInitiatorName=iqn.1993-08.org.debian:${NEW_HEX.slice(0, 12)}\n`);
    expect(plan.told).toContain('machine-id ids-written');
  });
  test.each([
    ['a name of another kind', 'InitiatorName=eui.02004567A425678D\n', 'iqn.2016-04.com.open-iscsi'],
    ['a firm’s own', 'InitiatorName=iqn.2020-01.com.example:db1\n', 'iqn.2020-01.com.example'],
  ])('%s', async (_, text, authority) => {
    const plan = await become({ [path]: text });
    expect(plan.text(path)).toBe(`InitiatorName=${authority}:${NEW_HEX.slice(0, 12)}\n`);
  });
  test('a file that asks for a new one already is left', async () => {
    expect((await become({ [path]: 'GenerateName=yes\n' })).change(path)).toBeUndefined();
  });
});

describe('ids and keys that programs made of this machine', () => {
  test.each([
    '/var/lib/systemd/credential.secret',
    '/var/lib/systemd/home/local.private',
    '/var/lib/mysql/auto.cnf',
    '/var/lib/docker/engine-id',
    '/etc/openvswitch/system-id.conf',
    '/opt/consul/node-id',
    '/etc/nvme/hostnqn',
    '/etc/cockpit/ws-certs.d/0-self-signed.key',
  ])('%s goes, and comes back by itself', async (path) => {
    const plan = await plannedFor({ ...DEBIAN, [path]: 'x' }, {}, ['machine-id']);
    expect(plan.change(path)).toMatchObject({ kind: 'remove', reason: 'machine-id' });
    expect(plan.notes.find(({ code }) => code === 'ids-made-anew')?.data).toEqual({ paths: [path] });
  });

  test.each<[string, string, MemoryFiles]>([
    ['credentials are encrypted with it', '/var/lib/systemd/credential.secret', { '/etc/credstore.encrypted/db': 'x' }],
    [
      'a unit has one that is encrypted with it',
      '/var/lib/systemd/credential.secret',
      { '/etc/systemd/system/db.service.d/key.conf': '[Service]\nSetCredentialEncrypted=db: \\\nk6iUCUh0\n' },
    ],
    [
      'people’s records are signed with it',
      '/var/lib/systemd/home/local.private',
      { '/var/lib/systemd/home/a.identity': 'x' },
    ],
    ['pools know the machine by it', '/etc/hostid', { '/sbin/zpool': '' }],
  ])('where %s, it stays and is told: %s', async (_, path, files) => {
    const plan = await plannedFor({ ...DEBIAN, [path]: 'x', ...files }, {}, ['machine-id']);
    expect(plan.change(path)).toBeUndefined();
    expect(plan.notes.find(({ code }) => code === 'secrets-shared')?.data).toEqual({ count: 1, paths: path });
  });

  test('hostid(1) is four other bytes, none of them zero', async () => {
    const plan = await plannedFor({ ...DEBIAN, '/etc/hostid': '\x01\x02\x03\x04' }, {}, ['machine-id']);
    expect(Buffer.from(plan.text('/etc/hostid')!, 'latin1').toString('hex')).toBe('ffddbb99');
  });

  test('Debian’s popularity contest', async () => {
    const files = { '/etc/popularity-contest.conf': 'PARTICIPATE="yes"\nMY_HOSTID="0123"\n' };
    const plan = await plannedFor({ ...DEBIAN, ...files }, {}, ['machine-id']);
    expect(plan.text('/etc/popularity-contest.conf')).toBe(`PARTICIPATE="yes"\nMY_HOSTID="${NEW_HEX}"\n`);
  });

  test('stay with the machine id, where that is kept', async () => {
    expect(await changes('logs', { '/etc/hostid': 'x', '/var/lib/systemd/credential.secret': 'x' })).toEqual([]);
  });
});

describe('what somebody gave to this machine stays, and it is told that machines share it', () => {
  test.each<[string, string]>([
    ['/etc/ssl/private/ssl-cert-snakeoil.key', 'key'],
    ['/etc/wireguard/wg0.conf', '[Interface]\nPrivateKey=x\n'],
    ['/etc/systemd/network/wg0.netdev', '[WireGuard]\nPrivateKey=x\n'],
    ['/etc/openvpn/server/server.key', 'key'],
    ['/etc/letsencrypt/live/example.org/privkey.pem', 'key'],
    ['/etc/kubernetes/kubelet.conf', 'x'],
    ['/etc/rancher/node/password', 'x'],
    ['/etc/ipsec.secrets', '# of ours\n: PSK "x"\n'],
    ['/root/.ssh/id_ed25519', 'key'],
    ['/etc/dropbear/initramfs/dropbear_rsa_host_key', 'key'],
    ['/var/lib/tor/hidden_service/hs_ed25519_secret_key', 'key'],
  ])('%s', async (path, text) => {
    const plan = await plannedFor({ ...DEBIAN, '/root/.profile': '', [path]: text }, {}, IDENTITY_THINGS);
    expect(plan.changes.filter((change) => path.startsWith(change.path))).toEqual([]);
    const told = plan.notes.find(({ code }) => code === 'secrets-shared');
    expect(told).toMatchObject({ reason: 'machine-id', isPossible: true, data: { count: 1 } });
    expect(path.startsWith(String(told!.data.paths))).toBe(true);
  });

  test.each<[string, MemoryFiles]>([
    ['empty files', { '/etc/wireguard/wg0.conf': '', '/root/.ssh/id_rsa': '' }],
    ['public halves', { '/root/.ssh/id_rsa.pub': 'x', '/root/.ssh/authorized_keys': 'x', '/root/.profile': '' }],
    [
      'files with nothing secret',
      { '/etc/ipsec.secrets': '# RSA keys go here\n', '/etc/systemd/network/br0.netdev': '[NetDev]\n' },
    ],
  ])('no %s', async (_, files) => {
    expect((await plannedFor({ ...DEBIAN, ...files }, {}, ['machine-id'])).told).not.toContain(
      'machine-id secrets-shared',
    );
  });
});

describe('SSH host keys', () => {
  const keys = {
    '/etc/ssh/ssh_host_rsa_key': 'x',
    '/etc/ssh/ssh_host_rsa_key.pub': 'x',
    '/etc/ssh/ssh_host_ed25519_key-cert.pub': 'x',
    '/etc/ssh/ssh_host_key': 'x',
    '/etc/ssh/ssh_config': 'x',
    '/etc/ssh/moduli': 'x',
  };
  const removed = [
    'remove /etc/ssh/ssh_host_ed25519_key-cert.pub',
    'remove /etc/ssh/ssh_host_key',
    'remove /etc/ssh/ssh_host_rsa_key',
    'remove /etc/ssh/ssh_host_rsa_key.pub',
  ];
  test('Debian makes none by itself: a unit does, before the server starts', async () => {
    const plan = await plannedFor({ ...DEBIAN, ...keys }, {}, ['ssh-host-keys']);
    const unit = '/etc/systemd/system/diskpress-ssh-host-keys.service';
    expect(plan.changes.map(({ kind, path }) => `${kind} ${path}`).sort()).toEqual([
      'link /etc/systemd/system/multi-user.target.wants/diskpress-ssh-host-keys.service',
      ...removed,
      `write ${unit}`,
    ]);
    expect(plan.text(unit)).toContain('ExecStart=/usr/bin/ssh-keygen -A\n');
    expect(plan.text(unit)).toMatch(/^Before=ssh.service ssh.socket/m);
    expect(plan.told).toEqual(['ssh-host-keys ssh-keys-by-unit']);
  });
  test.each([
    ['RHEL', { '/usr/lib/systemd/system/sshd-keygen@.service': '' }, DEBIAN],
    ['CentOS 6', { '/etc/rc.d/init.d/sshd': 'KEYGEN=/usr/bin/ssh-keygen\ndo_rsa_keygen() {\n' }, CENTOS_6],
  ])('%s makes them by itself', async (_, maker, base) => {
    expect(await changes('ssh-host-keys', { ...keys, ...maker }, base)).toEqual(removed);
  });
  test('a unit of Debian 13 for first boots only does not count: an empty machine id is none', async () => {
    const unit = '[Unit]\nConditionFirstBoot=yes\n[Service]\nExecStart=ssh-keygen -A\n';
    const found = await changes('ssh-host-keys', { ...keys, '/usr/lib/systemd/system/sshd-keygen.service': unit });
    expect(found).toContain('write /etc/systemd/system/diskpress-ssh-host-keys.service');
  });
  test('without anything that could make new ones they stay', async () => {
    const { '/usr/bin/ssh-keygen': _, ...rest } = DEBIAN;
    const plan = await plannedFor({ ...rest, ...keys }, {}, ['ssh-host-keys']);
    expect([plan.changes, plan.told]).toEqual([[], ['-ssh-host-keys ssh-keygen-missing']]);
  });
  test('a template that was prepared to be copied gets keys, too', async () => {
    expect(await changes('ssh-host-keys', { '/usr/sbin/sshd': '' })).toHaveLength(2);
  });
  test('keys in other places stay and are told', async () => {
    const plan = await plannedFor(
      {
        ...DEBIAN,
        '/etc/ssh/sshd_config': 'HostKey /etc/ssh/ssh_host_rsa_key\nHostKey /srv/keys/host\n',
        '/srv/keys/host': 'x',
      },
      {},
      ['ssh-host-keys'],
    );
    expect(plan.told).toContain('-ssh-host-keys ssh-keys-elsewhere');
    expect(plan.notes[0].data).toEqual({ paths: ['/srv/keys/host'] });
  });
});

describe('host keys of dropbear', () => {
  const keys = {
    '/etc/dropbear/dropbear_rsa_host_key': 'x',
    '/etc/dropbear/dropbear_ed25519_host_key': 'x',
    '/etc/dropbear/dropbear_ed25519_host_key.pub': 'x',
    '/etc/dropbear/run': 'x',
  };
  const removed = Object.keys(keys)
    .slice(0, 3)
    .map((path) => `remove ${path}`)
    .sort();
  const unit = '/etc/systemd/system/diskpress-dropbear-host-keys.service';

  test('a unit makes new ones of the same kinds before the server starts: Debian’s makes none', async () => {
    const files = {
      '/usr/bin/dropbearkey': '',
      '/etc/default/dropbear': '# DROPBEAR_EXTRA_ARGS="-R"\nDROPBEAR_EXTRA_ARGS="-s -g"\n',
    };
    const plan = await plannedFor({ ...DEBIAN, ...keys, ...files }, {}, ['ssh-host-keys']);
    expect(
      plan.changes
        .filter(({ kind }) => kind === 'remove')
        .map(({ path }) => `remove ${path}`)
        .sort(),
    ).toEqual(removed);
    const rsa = '/etc/dropbear/dropbear_rsa_host_key';
    expect(plan.text(unit)).toContain(`test -e ${rsa} || /usr/bin/dropbearkey -t rsa -f ${rsa};`);
    expect(plan.text(unit)).toContain(' -t ed25519 ');
    expect(plan.text(unit)).toMatch(/^Before=dropbear.service/m);
    expect(plan.told).toEqual(['ssh-host-keys ssh-keys-by-unit']);
  });
  test.each<[string, MemoryFiles]>([
    ['it is told to', { '/etc/default/dropbear': 'DROPBEAR_EXTRA_ARGS="-sR"\n' }],
    ['its script does', { '/etc/init.d/dropbear': 'dropbearkey -t rsa -f $KEY\n' }],
  ])('where %s, it makes them by itself', async (_, files) => {
    expect(await changes('ssh-host-keys', { ...keys, ...files })).toEqual(removed);
  });
  test('without anything that could make new ones they stay, and those of the other server go', async () => {
    const plan = await plannedFor({ ...DEBIAN, ...keys, '/etc/ssh/ssh_host_rsa_key': 'x' }, {}, ['ssh-host-keys']);
    expect(plan.told).toEqual(['-ssh-host-keys ssh-keygen-missing', 'ssh-host-keys ssh-keys-by-unit']);
    expect(plan.changes.filter(({ kind }) => kind === 'remove').map(({ path }) => path)).toEqual([
      '/etc/ssh/ssh_host_rsa_key',
    ]);
  });
});

test('random seeds, also the one that the boot loader keeps', async () => {
  const files = {
    '/var/lib/systemd/random-seed': 'x',
    '/boot/efi/loader/random-seed': 'x',
    '/var/lib/urandom/random-seed': 'x',
  };
  expect(await changes('random-seed', files)).toEqual(
    Object.keys(files)
      .map((path) => `remove ${path}`)
      .sort(),
  );
});

test('leases and DUIDs of all clients; a server keeps its file, empty', async () => {
  const files = {
    '/var/lib/dhcp/dhclient.eth0.leases': 'x',
    '/var/lib/dhcp/dhcpd.leases': 'x',
    '/var/lib/dhclient/dhclient-1.lease': 'x',
    '/var/lib/NetworkManager/internal-1-eth0.lease': 'x',
    '/var/lib/NetworkManager/secret_key': 'x',
    '/var/lib/NetworkManager/NetworkManager.state': '[main]\n',
    '/var/lib/dhcpcd/duid': 'x',
    '/var/lib/wicked/duid.xml': 'x',
  };
  expect(await changes('dhcp-leases', files)).toEqual([
    'empty /var/lib/dhcp/dhcpd.leases',
    'remove /var/lib/NetworkManager/internal-1-eth0.lease',
    'remove /var/lib/NetworkManager/secret_key',
    'remove /var/lib/dhclient/dhclient-1.lease',
    'remove /var/lib/dhcp/dhclient.eth0.leases',
    'remove /var/lib/dhcpcd/duid',
    'remove /var/lib/wicked/duid.xml',
  ]);
});

describe('cards of the old machine', () => {
  const freed = async (path: string, text: string) =>
    (await plannedFor({ ...DEBIAN, [path]: text }, {}, ['net-rules'])).text(path);
  test('rules of udev go', async () => {
    expect(
      await changes('net-rules', {
        '/etc/udev/rules.d/70-persistent-net.rules': 'x',
        '/etc/udev/rules.d/60-own.rules': 'x',
      }),
    ).toEqual(['remove /etc/udev/rules.d/70-persistent-net.rules']);
  });
  test('HWADDR of ifcfg goes, an address that is given to the card stays', async () => {
    const text = '# eth0\r\nDEVICE=eth0\r\nHWADDR="00:11:22:33:44:55"\r\nMACADDR=02:00:00:00:00:01\r\n';
    expect(await freed('/etc/sysconfig/network-scripts/ifcfg-eth0', text)).toBe(
      '# eth0\r\nDEVICE=eth0\r\nMACADDR=02:00:00:00:00:01\r\n',
    );
  });
  test('keyfiles of NetworkManager', async () => {
    const text = '[connection]\nid=x\n\n[ethernet]\nmac-address=00:11:22:33:44:55\ncloned-mac-address=stable\n';
    expect(await freed('/etc/NetworkManager/system-connections/x', text)).toBe(
      '[connection]\nid=x\n\n[ethernet]\ncloned-mac-address=stable\n',
    );
  });
  test.each([
    [
      'as cloud-init writes it',
      '# by cloud-init\nnetwork:\n    ethernets:\n        ens3:\n            dhcp4: true # yes\n            match:\n                macaddress: 52:54:00:12:34:56\n            set-name: ens3\n    version: 2\n',
      '# by cloud-init\nnetwork:\n    ethernets:\n        ens3:\n            dhcp4: true # yes\n    version: 2\n',
    ],
    [
      'on one line',
      'network: {version: 2, ethernets: {eth0: {match: {macaddress: "00:11:22:33:44:55"}, set-name: eth0, dhcp4: true}}}\n',
      'network: {version: 2, ethernets: {eth0: {dhcp4: true}}}\n',
    ],
    [
      'beside a driver',
      'network:\n  ethernets:\n    lan:\n      match:\n        driver: virtio*\n        macaddress: 00:11:22:33:44:55\n      dhcp4: true\n',
      'network:\n  ethernets:\n    lan:\n      match:\n        driver: virtio*\n      dhcp4: true\n',
    ],
  ])('netplan %s', async (_, text, expected) => {
    expect(await freed('/etc/netplan/50-cloud-init.yaml', text)).toBe(expected);
  });
  test.each([
    [
      'an entry that has only the address',
      '/etc/netplan/a.yaml',
      'network:\n  ethernets:\n    lan:\n      match: {macaddress: 00:11:22:33:44:55}\n',
      'card-bound-by-mac',
    ],
    [
      'a unit that has only the address',
      '/etc/systemd/network/a.network',
      '[Match]\nMACAddress=00:11:22:33:44:55\n',
      'card-bound-by-mac',
    ],
    ['no YAML', '/etc/netplan/a.yaml', 'network: [', 'yaml-unreadable'],
    ['YAML nested ten thousand times', '/etc/netplan/a.yaml', '['.repeat(10_000), 'yaml-unreadable'],
  ])('%s stays, and is told', async (_, path, text, code) => {
    const plan = await plannedFor({ ...DEBIAN, [path]: text, '/etc/udev/rules.d/70-persistent-net.rules': 'x' }, {}, [
      'net-rules',
    ]);
    expect(plan.told).toEqual([`-net-rules ${code}`, 'net-rules cards-freed']);
    expect(plan.changes).toHaveLength(1);
  });
});

test('logs: emptied where they are written to, removed where they were put aside; databases stay', async () => {
  const files = {
    '/var/log/syslog': 'x',
    '/var/log/syslog.1': 'x',
    '/var/log/syslog.2.gz': 'x',
    '/var/log/messages-20240101': 'x',
    '/var/log/wtmp': 'x',
    '/var/log/empty': '',
    '/var/log/audit/audit.log': 'x',
    '/var/log/journal/0123/system.journal': 'x',
    '/var/log/mysql/mysql-bin.000001': 'x',
    '/var/log/mysql/mysql-bin.index': 'x',
    '/var/log/mysql/error.log': 'x',
    '/var/log/sysstat/sa12': 'x',
    '/var/lib/wtmpdb/wtmp.db': 'x',
    '/var/log/link': '-> /etc/passwd',
    '/var/log/app': '-> /srv',
    '/srv/data': 'x',
    '/root/anaconda-ks.cfg': 'x',
  };
  expect(await changes('logs', files)).toEqual([
    'empty /var/log/audit/audit.log',
    'empty /var/log/journal',
    'empty /var/log/mysql/error.log',
    'empty /var/log/syslog',
    'empty /var/log/wtmp',
    'remove /root/anaconda-ks.cfg',
    'remove /var/lib/wtmpdb/wtmp.db',
    'remove /var/log/messages-20240101',
    'remove /var/log/syslog.1',
    'remove /var/log/syslog.2.gz',
    'remove /var/log/sysstat/sa12',
  ]);
});

test('histories of everybody, wherever their homes are', async () => {
  const files = {
    '/root/.bash_history': 'x',
    '/srv/people/pupil/.viminfo': 'x',
    '/home/other/.bash_history': 'x',
    '/home/other/.bashrc': 'x',
  };
  expect(await changes('histories', files)).toEqual([
    'remove /home/other/.bash_history',
    'remove /root/.bash_history',
    'remove /srv/people/pupil/.viminfo',
  ]);
});

test('package caches: apt keeps its folders, of which it complains when they are missing', async () => {
  const files = {
    '/var/cache/apt/archives/a.deb': 'x',
    '/var/cache/apt/archives/lock': '',
    '/var/cache/apt/archives/partial/b.deb': 'x',
    '/var/cache/dnf/x/y.rpm': 'x',
  };
  expect(await changes('package-caches', files)).toEqual([
    'empty /var/cache/dnf',
    'remove /var/cache/apt/archives/a.deb',
    'remove /var/cache/apt/archives/partial/b.deb',
  ]);
});

test('mail: boxes stay as files, queues do not send from every machine; a link that somebody put there is not followed', async () => {
  const files = {
    '/var/mail/pupil': 'x',
    '/var/spool/mail': '-> ../mail',
    '/var/mail/evil': '-> /etc/shadow',
    '/etc/shadow': 'x',
    '/var/spool/postfix/deferred/A/1': 'x',
  };
  expect(await changes('mail', files)).toEqual(['empty /var/mail/pupil', 'empty /var/spool/postfix/deferred']);
});

test('a link in a folder of a service is not followed, one of root is', async () => {
  const files = {
    '/var/spool/exim4': { kind: 'folder' as const, owner: [100, 100] as const },
    '/var/spool/exim4/input': '-> /etc',
    '/var/spool/mqueue': '-> /srv/queue',
    '/srv/queue/x': 'x',
  };
  expect(await changes('mail', files)).toEqual(['empty /srv/queue']);
});

test('temporary files: what a file system of its own keeps stays; copies of old passwords go', async () => {
  const files = {
    '/tmp/x': 'x',
    '/var/tmp/lost+found': { kind: 'folder' as const },
    '/var/tmp/y': 'x',
    '/etc/shadow-': 'x',
    '/etc/lvm/devices/system.devices': 'x',
  };
  expect(await changes('temporary-files', files)).toEqual([
    'empty /tmp',
    'remove /etc/lvm/devices/system.devices',
    'remove /etc/shadow-',
    'remove /var/tmp/y',
  ]);
});

test('crash dumps and the state of cloud-init; a seed stays', async () => {
  expect(await changes('crash-dumps', { '/var/crash/1/vmcore': 'x', '/var/lib/systemd/coredump/a': 'x' })).toEqual([
    'empty /var/crash',
    'empty /var/lib/systemd/coredump',
  ]);
  const cloud = {
    '/var/lib/cloud/instance': '-> instances/i-1',
    '/var/lib/cloud/instances/i-1/x': 'x',
    '/var/lib/cloud/seed/nocloud/meta-data': 'x',
  };
  expect(await changes('cloud-init-state', cloud)).toEqual([
    'empty /var/lib/cloud/instances',
    'remove /var/lib/cloud/instance',
  ]);
});

test('nothing is changed in a guest that has nothing, and everything says so', async () => {
  const { changes: found, told } = await plannedFor(
    { '/etc/os-release': 'ID=debian\nVERSION_ID=12\n' },
    {},
    IDENTITY_THINGS,
  );
  expect(found.map(({ path }) => path)).toEqual(['/etc/machine-id']);
  expect(told.filter((line) => !line.endsWith('nothing-there'))).toEqual(['machine-id machine-id-at-boot']);
});

test('a volume that cannot be read is told once; one in memory has nothing', async () => {
  const fstab = '/dev/mapper/secret /var ext4 defaults 0 0\ntmpfs /tmp tmpfs defaults 0 0\n';
  const plan = await plannedFor({ ...DEBIAN, '/etc/fstab': fstab, '/tmp/x': 'x' }, {}, [
    'dhcp-leases',
    'temporary-files',
  ]);
  expect(plan.changes).toEqual([]);
  expect(plan.notes.filter(({ isPossible }) => !isPossible).map(({ code, data }) => [code, data.mountPoint])).toEqual([
    ['volume-not-reached', '/var'],
    ['volume-not-reached', '/var'],
  ]);
});

test('volumes are joined where the guest mounts them', async () => {
  const root = memoryVolume({ ...DEBIAN, '/etc/fstab': 'UUID=ABCD /var ext4 defaults 0 0\n', '/var/empty': '' });
  const second = memoryVolume({ '/log/syslog': 'x' }, { ref: '2', uuid: 'abcd' });
  const plan = await plannedFor([root, second], {}, ['logs']);
  expect(plan.changes).toEqual([{ kind: 'empty', reason: 'logs', path: '/var/log/syslog' }]);
});
