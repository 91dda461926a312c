/** The inside of a made-up guest: how settings would be made, and what would change, as the engine could answer. */
import {
  countedName,
  GuestSettingsSchema,
  IDENTITY_THINGS,
  type CommandParams,
  type CommandResult,
  type DeployPlan,
  type GuestChangeView,
  type RecordedSettings,
  type SettingNote,
} from '../../../src-engine/contract/index.ts';

const possible = (reason: SettingNote['reason'], code: string, data: SettingNote['data']): SettingNote => ({
  ...{ reason, isPossible: true, code, data },
});
const written = (path: string, reason: GuestChangeView['reason'], before: string | null, after: string | null) => ({
  ...{ reason, kind: 'write' as const, volume: '2', path, before, after },
});

export const RECORDED: RecordedSettings = {
  hostname: 'debian',
  domain: 'lab.example',
  timezone: 'Europe/Paris',
  locale: 'fr_FR.UTF-8',
  keyboard: 'fr',
  network: [
    { card: 'ens3', ipv4: 'dhcp', ipv6: 'auto', dns: [], searchDomains: [] },
    {
      card: 'ens4',
      ipv4: { addresses: ['192.0.2.10/24'], gateway: '192.0.2.1' },
      ipv6: 'none',
      dns: ['192.0.2.53'],
      searchDomains: [],
    },
  ],
  users: ['anna', 'ada'],
};

type Asked = Pick<CommandParams<'deploy.plan'>, 'settings' | 'identity' | 'keep'>;

export function fakeInside({
  settings,
  identity,
  keep = [],
}: Asked): Pick<DeployPlan, 'settingNotes' | 'guestChanges'> {
  const { hostname, network = [], users = [], timezone } = settings ?? {};
  const notes: SettingNote[] = [];
  const changes: GuestChangeView[] = [];
  if (hostname) {
    notes.push(possible('hostname', 'written-to', { name: hostname, paths: ['/etc/hostname', '/etc/hosts'] }));
    changes.push(written('/etc/hostname', 'hostname', 'debian\n', `${hostname}\n`));
    const hosts = (name: string) => `127.0.0.1\tlocalhost\n127.0.1.1\t${name}\n\n::1 localhost ip6-localhost\n`;
    changes.push(written('/etc/hosts', 'hostname', hosts('debian'), hosts(hostname)));
  }
  for (const { card } of network) {
    const paths = ['/etc/network/interfaces.d/diskpress'];
    notes.push(possible('network', 'network-card-only', { card, system: 'ifupdown', paths }));
    changes.push(written(paths[0], 'network', null, 'auto /e*=eth\niface eth inet dhcp\n'));
  }
  for (const { name, groups = [], sshKeys = [] } of users) {
    notes.push(possible('users', 'user-made', { name, id: 1001, home: `/home/${name}` }));
    if (sshKeys.length) {
      const path = `/home/${name}/.ssh/authorized_keys`;
      notes.push(possible('users', 'ssh-keys-added', { count: sshKeys.length, name, path }));
    }
    if (groups.includes('wheel')) {
      notes.push({ reason: 'users', isPossible: false, code: 'groups-missing', data: { name, groups: ['wheel'] } });
    }
    changes.push(written('/etc/shadow', 'users', null, null));
  }
  if (timezone) notes.push(possible('timezone', 'written-to', { name: timezone, paths: ['/etc/localtime'] }));
  if (identity !== 'fresh') return { settingNotes: notes, guestChanges: changes };
  for (const thing of IDENTITY_THINGS.filter((one) => !keep.includes(one))) {
    if (thing === 'machine-id') notes.push(possible(thing, 'machine-id-at-boot', { path: '/etc/machine-id' }));
    else if (thing === 'ssh-host-keys') {
      notes.push(
        possible(thing, 'ssh-keys-by-unit', { count: 6, path: '/etc/systemd/system/diskpress-ssh-keys.service' }),
      );
    } else if (thing === 'logs') notes.push(possible(thing, 'cleared', { count: 38 }));
    else if (thing === 'file-system-uuids' || thing === 'disk-ids')
      notes.push(possible(thing, 'ids-renewed', { count: 3 }));
    else notes.push(possible(thing, 'nothing-there', {}));
  }
  changes.push({
    ...written('/etc/machine-id', 'machine-id', 'd41d8cd98f00b204e9800998ecf8427e\n', ''),
    kind: 'empty',
  });
  for (const kind of ['rsa', 'ecdsa', 'ed25519']) {
    changes.push({ ...written(`/etc/ssh/ssh_host_${kind}_key`, 'ssh-host-keys', null, null), kind: 'remove' });
  }
  return { settingNotes: notes, guestChanges: changes };
}

export const fakeEach = ({
  settings: { hostname, ...rest },
  machines,
  each,
}: CommandParams<'settings.each'>): CommandResult<'settings.each'> =>
  Array.from({ length: machines }, (_, i) => ({
    settings: GuestSettingsSchema.parse({
      ...rest,
      ...(hostname && { hostname: countedName(hostname, i + 1) }),
      ...each?.[i],
    }),
    checks: [],
  }));
