/** What is planned for guests, read by the programs that will read it there. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { sha512Crypt } from '../../../src-engine/core/sha512-crypt.ts';
import { debianPrograms } from '../../support/debian-programs.ts';
import { carryOut, plannedFor, type Planned } from '../../support/guest-changes.ts';
import { hive, writeTree } from '../../support/guests.ts';
import type { MemoryFiles } from '../../support/memory-tree.ts';
import { canLoop, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const DEBIAN = { '/etc/os-release': 'ID=debian\nVERSION_ID=12\n', '/etc/debian_version': '12.5\n' };
const CENTOS_6 = { '/etc/redhat-release': 'CentOS release 6.10 (Final)\n', '/etc/rc.d/init.d/functions': '' };
const STATIC = {
  ipv4: { addresses: ['10.1.1.7/20', '10.2.0.7/16'], gateway: '10.1.1.1' },
  ipv6: { addresses: ['fd00::7/64'], gateway: 'fd00::1' },
  dns: ['10.1.1.2', 'fd00::2'],
  searchDomains: ['lab.test', 'example.org'],
};
const DHCP = { ipv4: 'dhcp' as const, ipv6: 'auto' as const };
const SILENT = { ipv4: 'none' as const, ipv6: 'none' as const };

let count = 0;
/** A guest as it will be, in a folder. */
function folderOf(files: Record<string, string>, plan: Planned): string {
  const folder = bench.path(`guest-${count++}`);
  mkdirSync(folder);
  writeTree(folder, files);
  carryOut(folder, plan.changes);
  return folder;
}

/** Skips, and says so, where the packages cannot be had. */
function withPrograms(
  packages: readonly string[],
  name: string,
  judge: (programs: NonNullable<ReturnType<typeof debianPrograms>>) => Promise<void>,
) {
  test(name, async ({ skip }) => {
    const programs = debianPrograms(packages);
    if (!programs) return skip(`${packages.join(', ')} cannot be had from Debian's mirror`);
    await judge(programs);
  });
}

describe('network', () => {
  withPrograms(['ifupdown'], 'ifupdown: ifquery and a dry run of ifup', async ({ root }) => {
    const files = {
      ...DEBIAN,
      '/etc/network/interfaces':
        'auto lo ens3\niface lo inet loopback\niface ens3 inet dhcp\nallow-hotplug ens4\niface ens4 inet dhcp\n',
    };
    const cards = [
      { card: 'ens3', ...STATIC },
      { card: 'ens5', ...DHCP },
      { card: 'ens6', ...SILENT },
    ];
    const folder = folderOf(files, await plannedFor(files, { network: cards }));
    const interfaces = join(folder, 'etc/network/interfaces');
    const ifquery = (...args: string[]) =>
      run(join(root, 'sbin/ifquery'), '-i', interfaces, '--state-dir', folder, ...args);
    expect(ifquery('--list', '-a').split('\n').filter(Boolean)).toEqual(['lo', 'ens3', 'ens5', 'ens6']);
    expect(ifquery('--list', '--allow', 'hotplug').trim()).toBe('ens4');
    expect(ifquery('ens3')).toContain('address: 10.1.1.7\nnetmask: 255.255.240.0\ngateway: 10.1.1.1\n');
    const ifup = spawnSync(join(root, 'sbin/ifup'), ['-n', '-i', interfaces, '--state-dir', folder, 'ens3'], {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${process.env.PATH}:/sbin:/usr/sbin` },
    });
    expect(ifup.stderr).toContain('ip addr add 10.1.1.7/255.255.240.0');
    expect(ifup.stderr).toContain('ip addr add 10.2.0.7/255.255.0.0');
    expect(ifup.stderr).toMatch(/ip -6 addr add fd00::7\/64/);
  });

  withPrograms(['ifupdown'], 'ifupdown: a card by its address and by its place', async ({ root }) => {
    if (!canLoop) return console.warn('SKIPPED: cards of a network of its own need root');
    const files = { ...DEBIAN, '/etc/network/interfaces': '# none\n' };
    const address = (one: string) => ({ ipv4: { addresses: [one] }, ipv6: 'none' as const });
    const cards = [
      { card: '1', ...address('10.0.0.1/24') },
      { card: '52:54:00:AA:BB:CC', ...address('10.0.0.2/24') },
    ];
    const folder = folderOf(files, await plannedFor(files, { network: cards }));
    const ifup = `${root}/sbin/ifup -n -a -i ${folder}/etc/network/interfaces --state-dir ${folder}`;
    const commands = `mount -t sysfs sysfs /sys && ip link add enp1 type veth peer name enp2 && ip link set enp1 address 52:54:00:aa:bb:cc && ${ifup}`;
    const said = spawnSync(
      'unshare',
      ['-n', '-m', '--propagation', 'private', 'sh', '-c', `PATH=$PATH:/sbin:/usr/sbin; ${commands}`],
      {
        encoding: 'utf8',
      },
    );
    // the kernel numbers the second end of such a pair first
    expect(said.stderr).toMatch(/ip addr add 10.0.0.1\/255.255.255.0 .*dev enp2/);
    expect(said.stderr).toMatch(/ip addr add 10.0.0.2\/255.255.255.0 .*dev enp1/);
  });

  withPrograms(['netplan.io', 'libnetplan0'], 'netplan: what it generates', async ({ root, env }) => {
    const files = {
      ...DEBIAN,
      '/etc/netplan/00-installer.yaml':
        'network:\n  version: 2\n  ethernets:\n    ens3:\n      addresses: [192.168.9.9/24]\n      gateway4: 192.168.9.1\n    ens9: {dhcp4: true}\n',
      '/etc/netplan/50-cloud-init.yaml':
        'network:\n  version: 2\n  ethernets:\n    lan:\n      match: {macaddress: "52:54:00:aa:bb:cc"}\n      set-name: lan\n  bridges:\n    br0:\n      interfaces: [lan]\n',
    };
    const cards = [
      { card: 'ens3', ...STATIC },
      { card: '52:54:00:AA:BB:CC', ...SILENT },
    ];
    const folder = folderOf(files, await plannedFor(files, { network: cards }));
    for (const path of Object.keys(files).filter((one) => one.endsWith('.yaml'))) chmodSync(join(folder, path), 0o600);
    const made = spawnSync(join(root, 'usr/libexec/netplan/generate'), ['--root-dir', folder], {
      env,
      encoding: 'utf8',
    });
    expect([made.status, made.stderr]).toEqual([0, '']);
    const unit = (name: string) =>
      readFileSync(join(folder, 'run/systemd/network', `10-netplan-${name}.network`), 'utf8');
    expect(readdirSync(join(folder, 'run/systemd/network')).sort()).toEqual(
      ['br0.netdev', 'br0.network', 'ens3.network', 'ens9.network', 'lan.link', 'lan.network'].map(
        (name) => `10-netplan-${name}`,
      ),
    );
    expect([...unit('ens3').matchAll(/^(?:Address|DNS|Domains|Gateway)=.*$/gm)].map(([line]) => line)).toEqual([
      'Address=10.1.1.7/20',
      'Address=10.2.0.7/16',
      'Address=fd00::7/64',
      'DNS=10.1.1.2',
      'DNS=fd00::2',
      'Domains=lab.test example.org',
      'Gateway=10.1.1.1',
      'Gateway=fd00::1',
    ]);
    expect(unit('lan')).toMatch(/MACAddress=52:54:00:aa:bb:cc/i);
    expect(unit('lan')).toContain('Bridge=br0');
  });

  withPrograms(
    ['network-manager', 'libnm0'],
    'NetworkManager: its own client reads the keyfiles',
    async ({ root, env }) => {
      const files: MemoryFiles = {
        '/etc/redhat-release': 'Red Hat Enterprise Linux release 9.4 (Plow)\n',
        '/etc/NetworkManager/system-connections/old':
          '[connection]\nid=old\nuuid=9942788a-0fd2-8a63-ac8e-55738d005f53\ntype=ethernet\n',
      };
      const cards = [
        { card: 'eth0', ...STATIC },
        { card: '52:54:00:aa:bb:cc', ...DHCP },
        { card: 'eth2', ...SILENT },
      ];
      const plan = await plannedFor(files, { network: cards });
      const read = (name: string) => {
        const path = `/etc/NetworkManager/system-connections/${name}`;
        const nmcli = spawnSync(
          join(root, 'usr/bin/nmcli'),
          ['--offline', 'connection', 'modify', 'connection.zone', 'home'],
          { env, input: plan.text(path)!, encoding: 'utf8' },
        );
        expect(nmcli.stderr, path).toBe('');
        return nmcli.stdout;
      };
      expect(read('diskpress-eth0.nmconnection')).toContain(
        '[ipv4]\naddress1=10.1.1.7/20,10.1.1.1\naddress2=10.2.0.7/16\ndns=10.1.1.2;\ndns-search=lab.test;example.org;\nmethod=manual\n',
      );
      expect(read('diskpress-52-54-00-aa-bb-cc.nmconnection')).toContain('[ethernet]\nmac-address=52:54:00:AA:BB:CC\n');
      expect(read('diskpress-eth2.nmconnection')).toContain('method=disabled\n');
      expect(read('old')).toContain('autoconnect=false\n');
    },
  );

  test('ifcfg: a shell reads it as the scripts of CentOS do', async () => {
    const files = {
      ...CENTOS_6,
      '/etc/sysconfig/network-scripts/ifcfg-eth0': 'DEVICE=eth0\nBOOTPROTO=dhcp\nIPADDR=1.2.3.4\nNAME="System eth0"\n',
    };
    const folder = folderOf(files, await plannedFor(files, { network: [{ card: 'eth0', ...STATIC }] }));
    const value = (name: string) =>
      run('sh', '-c', `. ${folder}/etc/sysconfig/network-scripts/ifcfg-eth0; printf %s "$${name}"`);
    expect(
      ['DEVICE', 'BOOTPROTO', 'IPADDR', 'NETMASK', 'IPADDR1', 'GATEWAY', 'IPV6ADDR', 'DOMAIN', 'NAME'].map(value),
    ).toEqual([
      'eth0',
      'none',
      '10.1.1.7',
      '255.255.240.0',
      '10.2.0.7',
      '10.1.1.1',
      'fd00::7/64',
      'lab.test example.org',
      'System eth0',
    ]);
  });
});

describe('users', () => {
  const master = '/usr/share/base-passwd/passwd.master';
  const masters = existsSync(master);
  if (!masters) console.warn('SKIPPED: accounts judged by pwck and grpck: Debian’s base-passwd is not there');

  test.runIf(masters && canLoop)('pwck and grpck find nothing wrong', async () => {
    const passwd = readFileSync(master, 'utf8').replaceAll(':*:', ':x:');
    const group = readFileSync('/usr/share/base-passwd/group.master', 'utf8').replaceAll(':*:', ':x:');
    const names = (text: string) =>
      text
        .split('\n')
        .filter(Boolean)
        .map((line) => line.split(':')[0]);
    const files = {
      ...DEBIAN,
      '/etc/passwd': passwd,
      '/etc/group': group,
      '/etc/shadow': names(passwd)
        .map((name) => `${name}:*:19000:0:99999:7:::\n`)
        .join(''),
      '/etc/gshadow': names(group)
        .map((name) => `${name}:*::\n`)
        .join(''),
      '/etc/sudoers': '%sudo ALL=(ALL) ALL\n',
    };
    const users = [
      { name: 'teacher', groups: ['sudo', 'video'], passwordHash: sha512Crypt('a secret'), sshKeys: ['ssh-ed25519 A'] },
      { name: 'pupil', groups: ['video'] },
      { name: 'root', passwordHash: sha512Crypt('another') },
    ];
    const folder = folderOf(files, await plannedFor(files, { users }));
    // with the files in the place of this machine's, where these tools look
    const inside = (command: string) => {
      const names = ['passwd', 'group', 'shadow', 'gshadow'];
      const binds = names.map((name) => `mount --bind ${folder}/etc/${name} /etc/${name}`);
      const commands = [...binds, 'export PATH=$PATH:/usr/sbin', command].join(' && ');
      return spawnSync('unshare', ['-m', '--propagation', 'private', 'sh', '-c', commands], { encoding: 'utf8' });
    };
    expect(inside('grpck -r')).toMatchObject({ status: 0, stdout: '', stderr: '' });
    const foreign = /directory '.*' does not exist|program '.*' does not exist|no changes/;
    const said = inside('pwck -r').stdout.split('\n');
    expect(said.filter((line) => line !== '' && !foreign.test(line))).toEqual([]);
    expect(said.length).toBeGreaterThan(3);
    expect(inside('id teacher').stdout).toBe(
      'uid=1000(teacher) gid=1000(teacher) groups=1000(teacher),27(sudo),44(video)\n',
    );
    expect(inside('id -Gn pupil').stdout).toBe('pupil video\n');
    expect(inside('getent shadow teacher').stdout).toMatch(/^teacher:\$6\$/);
    expect([
      statSync(join(folder, 'home/teacher')).uid,
      statSync(join(folder, 'home/teacher/.ssh/authorized_keys')).uid,
    ]).toEqual([1000, 1000]);
  });

  withPrograms(['sudo'], 'visudo takes the rule', async ({ root, env }) => {
    const files = {
      ...CENTOS_6,
      '/etc/passwd': 'root:x:0:0::/root:/bin/sh\n',
      '/etc/shadow': 'root:*:1::::::\n',
      '/etc/group': 'wheel:x:10:\n',
      '/etc/sudoers': '#includedir /etc/sudoers.d\n',
    };
    const plan = await plannedFor(files, { users: [{ name: 'x', groups: ['wheel'], passwordHash: sha512Crypt('x') }] });
    const path = bench.path('rule');
    writeFileSync(path, plan.text('/etc/sudoers.d/diskpress')!, { mode: 0o440 });
    expect(spawnSync(join(root, 'usr/sbin/visudo'), ['-c', '-f', path], { env, encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    });
  });
});

/** Just what the runner calls, in a folder that stands for '/'. */
function smallSystem(folder: string): void {
  for (const program of ['sh', 'mkdir', 'mv', 'rm', 'chmod', 'date', 'cat']) {
    const path = run('sh', '-c', `command -v ${program}`).trim();
    const libraries = [...run('ldd', path).matchAll(/(\/\S+) \(0x/g)].map(([, library]) => library);
    for (const file of [path, ...libraries]) {
      mkdirSync(join(folder, dirname(file)), { recursive: true });
      if (!existsSync(join(folder, file))) copyFileSync(file, join(folder, file));
      chmodSync(join(folder, file), 0o755);
    }
  }
  mkdirSync(join(folder, 'bin'), { recursive: true });
  if (!existsSync(join(folder, 'bin/sh'))) copyFileSync('/bin/sh', join(folder, 'bin/sh'));
  mkdirSync(join(folder, 'dev'), { recursive: true });
  writeFileSync(join(folder, 'dev/null'), '');
}

const script = (name: string, ...lines: string[]) => ({
  name,
  base64: Buffer.from(['#!/bin/sh', ...lines, ''].join('\n')).toString('base64'),
});

describe.runIf(canLoop)('first start', () => {
  const start = (folder: string) =>
    spawnSync('chroot', [folder, '/bin/sh', '/etc/diskpress/first-boot/run'], { encoding: 'utf8' });
  const log = (folder: string, name: string) => readFileSync(join(folder, `var/log/diskpress-${name}.log`), 'utf8');

  test('each once, in their order; one that fails stops no other, and is told', async () => {
    const scripts = [
      script('b', 'echo b >>/order; echo said; exit 3'),
      script('a', 'echo a >>/order; pwd; umask'),
      { name: 'c', base64: Buffer.from('echo c >>/order\n').toString('base64') },
    ];
    const folder = folderOf({}, await plannedFor(DEBIAN, { firstBoot: scripts }));
    smallSystem(folder);
    const first = start(folder);
    expect([first.status, first.stderr]).toEqual([
      1,
      'diskpress: b failed with exit code 3, see /var/log/diskpress-b.log\n',
    ]);
    expect(readFileSync(join(folder, 'order'), 'utf8')).toBe('b\na\nc\n');
    expect(log(folder, 'b')).toMatch(/^started .*\nsaid\nended .*, exit code 3\n$/);
    expect(log(folder, 'a')).toContain('\n/\n0022\n');
    expect(existsSync(join(folder, 'etc/systemd/system/multi-user.target.wants/diskpress-first-boot.service'))).toBe(
      false,
    );
    expect(start(folder)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(readFileSync(join(folder, 'order'), 'utf8')).toBe('b\na\nc\n');
  });

  test('one that restarts the machine is not run again, the others are', async () => {
    const folder = folderOf(
      {},
      await plannedFor(CENTOS_6, {
        firstBoot: [
          script('stop', 'echo stop >>/order', 'kill -9 $(cat /runner)'),
          script('after', 'echo after >>/order'),
        ],
      }),
    );
    smallSystem(folder);
    const killed = spawnSync(
      'chroot',
      [folder, '/bin/sh', '-c', 'echo $$ >/runner; exec /bin/sh /etc/diskpress/first-boot/run'],
      { encoding: 'utf8' },
    );
    expect(killed.signal).toBe('SIGKILL');
    expect(existsSync(join(folder, 'etc/rc.d/rc3.d/S99diskpress-first-boot'))).toBe(true);
    // as init of CentOS calls it
    const second = spawnSync('chroot', [folder, '/bin/sh', '/etc/rc.d/init.d/diskpress-first-boot', 'start'], {
      encoding: 'utf8',
    });
    expect([second.status, second.stderr]).toEqual([0, '']);
    expect(readFileSync(join(folder, 'order'), 'utf8')).toBe('stop\nafter\n');
    expect(readdirSync(join(folder, 'etc/rc.d/rc3.d'))).toEqual([]);
  });
});

const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0;
if (!hasAnalyze) console.warn('SKIPPED: units judged by systemd-analyze, which is not there');

test.runIf(hasAnalyze)('systemd finds nothing wrong with the units', async () => {
  const files = {
    ...DEBIAN,
    '/usr/lib/systemd/systemd': '',
    '/usr/bin/ssh-keygen': '',
    '/etc/ssh/ssh_host_rsa_key': 'x',
  };
  const folder = folderOf({}, await plannedFor(files, { firstBoot: [script('a')] }, ['ssh-host-keys']));
  for (const unit of ['diskpress-first-boot', 'diskpress-ssh-host-keys']) {
    const path = join(folder, `${unit}.service`);
    // its programs need not be on this machine
    writeFileSync(
      path,
      readFileSync(join(folder, 'etc/systemd/system', `${unit}.service`), 'utf8').replace(
        /^ExecStart=\S+/m,
        'ExecStart=/bin/sh',
      ),
    );
    const verified = spawnSync('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', path], {
      encoding: 'utf8',
    });
    expect([verified.status, verified.stderr.split('\n').filter((line) => line.includes('diskpress'))], unit).toEqual([
      0,
      [],
    ]);
  }
});

test('cloud-init: a YAML reader of others reads what was asked for', async () => {
  const files = {
    ...DEBIAN,
    '/usr/bin/cloud-init': '',
    '/etc/network/interfaces': 'auto ens3\niface ens3 inet dhcp\n',
  };
  const plan = await plannedFor(files, { hostname: 'no', domain: 'null.test', network: [{ card: 'ens3', ...DHCP }] });
  const read = (path: string) => parse(plan.text(path)!) as unknown;
  expect(read('/var/lib/cloud/seed/nocloud/meta-data')).toMatchObject({ 'local-hostname': 'no' });
  expect(read('/var/lib/cloud/seed/nocloud/user-data')).toMatchObject({
    hostname: 'no',
    fqdn: 'no.null.test',
    users: [],
  });
  expect(read('/etc/cloud/cloud.cfg.d/zz-diskpress.cfg')).toEqual({
    datasource_list: ['NoCloud', 'None'],
    network: { config: 'disabled' },
  });
});

describe('Windows', () => {
  const windows = (state: string): MemoryFiles => {
    const version = {
      ProductName: 'Windows Server 2019 Standard',
      CurrentBuildNumber: '17763',
      InstallationType: 'Server',
    };
    const software = {
      'Microsoft\\Windows NT\\CurrentVersion': version,
      'Microsoft\\Windows\\CurrentVersion\\Setup\\State': { ImageState: state },
    };
    const system = {
      Select: { Current: 1 },
      'ControlSet001\\Control\\Session Manager\\Environment': { PROCESSOR_ARCHITECTURE: 'AMD64' },
    };
    return {
      '/Windows/System32/config/SOFTWARE': hive(bench.folder, software),
      '/Windows/System32/config/SYSTEM': hive(bench.folder, system),
    };
  };
  const PATH = '/Windows/Panther/Unattend/unattend.xml';
  const settings = {
    hostname: 'lab-01',
    timezone: 'Europe/Paris',
    locale: 'fr_FR.UTF-8',
    keyboard: 'fr',
    network: [
      { card: '52:54:00:aa:bb:cc', ...STATIC },
      { card: 'LAN&WAN'.slice(0, 3), ...DHCP },
    ],
  };

  test('the answer file, read by another XML parser', async () => {
    const plan = await plannedFor(windows('IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE'), settings);
    const path = bench.path('unattend.xml');
    writeFileSync(path, plan.text(PATH)!, 'latin1');
    const program = `
import sys, xml.etree.ElementTree as tree
u = '{urn:schemas-microsoft-com:unattend}'
root = tree.parse(sys.argv[1]).getroot()
for settings in root:
  for component in settings:
    for leaf in component.iter():
      if len(leaf) == 0: print(settings.get('pass'), component.get('name').split('-')[-1], leaf.tag.replace(u, ''), leaf.text)
`;
    expect(run('python3', '-c', program, path).split('\n').filter(Boolean)).toEqual([
      'specialize Setup ComputerName lab-01',
      'specialize Setup TimeZone Romance Standard Time',
      ...[
        'DhcpEnabled false',
        'DhcpEnabled false',
        'Identifier 52-54-00-AA-BB-CC',
        'IpAddress 10.1.1.7/20',
        'IpAddress 10.2.0.7/16',
        'IpAddress fd00::7/64',
        'Identifier 0',
        'Prefix 0.0.0.0/0',
        'NextHopAddress 10.1.1.1',
        'Identifier 1',
        'Prefix ::/0',
        'NextHopAddress fd00::1',
        'DhcpEnabled true',
        'DhcpEnabled true',
        'Identifier LAN',
      ].map((line) => `specialize TCPIP ${line}`),
      ...['Identifier 52-54-00-AA-BB-CC', 'IpAddress 10.1.1.2', 'IpAddress fd00::2', 'DNSDomain lab.test'].map(
        (line) => `specialize Client ${line}`,
      ),
      'oobeSystem Core SystemLocale fr-FR',
      'oobeSystem Core UserLocale fr-FR',
      'oobeSystem Core InputLocale 040c:0000040c',
    ]);
    expect(plan.told.every((line) => line.endsWith(' windows-by-setup'))).toBe(true);
  });

  test('one that is not generalised takes no settings, and says so', async () => {
    const plan = await plannedFor(windows('IMAGE_STATE_COMPLETE'), settings, ['machine-id']);
    expect([plan.changes, plan.told]).toEqual([
      [],
      ['-windows-setup windows-not-generalised', '-machine-id windows-identity'],
    ]);
  });

  test('a name that Windows refuses leaves the others', async () => {
    const plan = await plannedFor(windows('IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT'), {
      hostname: 'a-name-of-sixteen',
      keyboard: 'us',
      users: [{ name: 'x' }],
    });
    expect(plan.told).toEqual(['-hostname windows-name', 'keyboard windows-by-setup', '-users windows-user']);
    expect(plan.text(PATH)).not.toContain('ComputerName');
  });
});
