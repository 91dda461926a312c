/** Every phony guest with every setting: what is done how in which system, and that nothing is thrown or left untold. */
import { expect, test } from 'vitest';
import { IDENTITY_THINGS, type ChangeReason } from '../../../src-engine/contract/deploy.contract.ts';
import { memoryVolume, plannedFor, type Planned } from '../../support/guest-changes.ts';
import { phonyGuest, phonyGuests, type PhonyVolume } from '../../support/phony-guests.ts';
import { workbench } from '../../support/workbench.ts';

const bench = workbench();
const base64 = Buffer.from('#!/bin/sh\n').toString('base64');
const SETTINGS = {
  hostname: 'lab-01',
  network: [
    {
      card: 'eth0',
      ipv4: { addresses: ['10.1.1.7/24'], gateway: '10.1.1.1' },
      ipv6: 'auto' as const,
      dns: ['10.1.1.2'],
    },
  ],
  timezone: 'Europe/Paris',
  files: [{ path: '/etc/lab', base64 }],
  firstBoot: [{ name: 'one', base64 }],
};

async function planned(name: string): Promise<Planned> {
  const { partitions } = phonyGuest(bench.folder, name);
  const volumes = partitions.flatMap(({ volume, group }, i): [string, PhonyVolume][] => [
    ...(volume ? [[String(i + 1), volume] as [string, PhonyVolume]] : []),
    ...Object.entries(group?.volumes ?? {}).map(([one, content]): [string, PhonyVolume] => [
      `${group!.name}/${one}`,
      content,
    ]),
  ]);
  const opened = volumes.map(([ref, { fileSystem, files, uuid = '', label = '' }]) =>
    memoryVolume(
      { ...files, ...(fileSystem === 'fat' || fileSystem === 'ntfs' ? {} : ZONE) },
      { ref, uuid, label, kind: fileSystem === 'fat' ? 'vfat' : fileSystem },
    ),
  );
  return plannedFor(opened, SETTINGS, IDENTITY_THINGS);
}
const ZONE = { '/usr/share/zoneinfo/Europe/Paris': 'TZif' };

const system = ({ notes }: Planned) => notes.find(({ reason }) => reason === 'network')?.data.system;
const start = ({ notes }: Planned) => notes.find(({ reason }) => reason === 'first-boot')?.code;

test.each([
  ['centos-5', 'network-scripts', '/etc/sysconfig/network-scripts/ifcfg-eth0', 'first-boot-sysv'],
  ['centos-6.10', 'network-scripts', '/etc/sysconfig/network-scripts/ifcfg-eth0', 'first-boot-sysv'],
  ['centos-7.6', 'network-scripts', '/etc/sysconfig/network-scripts/ifcfg-eth0', 'first-boot-systemd'],
  ['rhel-5', 'network-scripts', '/etc/sysconfig/network-scripts/ifcfg-eth0', 'first-boot-sysv'],
  ['rhel-6', 'network-scripts', '/etc/sysconfig/network-scripts/ifcfg-eth0', 'first-boot-sysv'],
  ['rhel-7', 'network-scripts', '/etc/sysconfig/network-scripts/ifcfg-eth0', 'first-boot-systemd'],
  ['rhel-8', 'network-scripts', '/etc/sysconfig/network-scripts/ifcfg-eth0', 'first-boot-systemd'],
  [
    'rhel-9',
    'NetworkManager',
    '/etc/NetworkManager/system-connections/diskpress-eth0.nmconnection',
    'first-boot-systemd',
  ],
  ['ubuntu-16.04', 'ifupdown', '/etc/network/interfaces', 'first-boot-systemd'],
  ['ubuntu-18.04', 'netplan', '/etc/netplan/90-diskpress.yaml', 'first-boot-systemd'],
  ['ubuntu-24.04', 'netplan', '/etc/netplan/90-diskpress.yaml', 'first-boot-systemd'],
  ['debian-9', 'ifupdown', '/etc/network/interfaces', 'first-boot-systemd'],
  ['debian-13', 'ifupdown', '/etc/network/interfaces', 'first-boot-systemd'],
  [
    'fedora-43',
    'NetworkManager',
    '/etc/NetworkManager/system-connections/diskpress-eth0.nmconnection',
    'first-boot-systemd',
  ],
  ['arch', 'systemd-networkd', '/etc/systemd/network/00-diskpress-eth0.network', 'first-boot-systemd'],
  ['alpine-3.22', 'ifupdown', '/etc/network/interfaces', 'first-boot-openrc'],
])('%s: the network by %s', async (name, network, path, boot) => {
  const plan = await planned(name);
  expect([system(plan), start(plan), plan.change(path)?.kind]).toEqual([network, boot, 'write']);
});

test.each(phonyGuests)(
  '%s: everything that was asked for is told once at least, and no path is changed twice',
  async (name) => {
    const plan = await planned(name);
    const told = new Set(plan.notes.map(({ reason }) => reason));
    if (plan.guest.family.value === 'linux') {
      const asked: ChangeReason[] = ['hostname', 'network', 'timezone', 'files', 'first-boot'];
      const ours = IDENTITY_THINGS.filter((thing) => !/uuids|disk-ids/.test(thing));
      expect([...asked, ...ours].filter((reason) => !told.has(reason))).toEqual([]);
    } else expect(plan.told).toContain('-windows-setup windows-not-generalised');
    const paths = plan.changes.map(({ path }) => path);
    expect(paths.length).toBe(new Set(paths).size);
    expect(paths.filter((path) => !/^\/[^/]/.test(path) || path.includes('//') || path.includes('/../'))).toEqual([]);
  },
);
