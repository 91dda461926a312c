/** What is said of the inside of a guest: what is sent of it, and what is named instead of being sent. */
import { describe, expect, it } from 'vitest';
import { requestFor, formOf } from '../../../src-renderer/modules/deploy/deploy-form.ts';
import {
  newCard,
  newFile,
  newInside,
  newUser,
  settingsSaid,
  type CardForm,
  type UserForm,
} from '../../../src-renderer/modules/deploy/inside/inside-form.ts';
import { adopt, cardFormOf, userFormOf } from '../../../src-renderer/modules/deploy/inside/recorded.ts';
import { newProof, proofSaid } from '../../../src-renderer/modules/boot/proof-form.ts';
import { countedName } from '../../../src-engine/contract/index.ts';

const card = (more: Partial<CardForm>) => ({ ...newCard(1), ...more });
const user = (more: Partial<UserForm>) => ({ ...newUser(), name: 'anna', ...more });
const faultsOf = (more: Partial<ReturnType<typeof newInside>>) =>
  [...settingsSaid({ ...newInside(), ...more }).faults].map((fault) => fault.replace(/-\d+-/, '-'));
const KEY = `ssh-ed25519 ${'AAAA'.repeat(8)} anna@lab`;

describe('settings', () => {
  it('are none where nothing is said', () => {
    expect(settingsSaid(newInside())).toEqual({ settings: null, faults: new Set() });
  });

  it('carry what is said: lists with commas, keys line by line, modes in octal', () => {
    const said = settingsSaid({
      ...newInside(),
      hostname: 'lab-{n:02}',
      timezone: 'Europe/Paris',
      cards: [
        card({ ipv4: 'static', addresses4: '192.0.2.10/24', gateway4: '192.0.2.1', dns: '192.0.2.53, 2001:db8::53' }),
      ],
      users: [user({ sshKeys: `# mine\n${KEY}\n\n`, groups: 'sudo, adm', passwordHash: '$6$a$b' })],
      files: [{ ...newFile('motd', 3, 'YWJj', '/etc/motd'), mode: '0600' }],
      firstBoot: [newFile('set up.sh', 3, 'YWJj', 'set-up.sh')],
    });
    expect(said.faults).toEqual(new Set());
    expect(said.settings).toMatchObject({
      hostname: 'lab-{n:02}',
      timezone: 'Europe/Paris',
      network: [
        {
          card: '1',
          ipv4: { addresses: ['192.0.2.10/24'], gateway: '192.0.2.1' },
          ipv6: 'auto',
          dns: ['192.0.2.53', '2001:db8::53'],
        },
      ],
      users: [{ name: 'anna', passwordHash: '$6$a$b', sshKeys: [KEY], groups: ['sudo', 'adm'] }],
      files: [{ path: '/etc/motd', base64: 'YWJj', mode: 0o600 }],
      firstBoot: [{ name: 'set-up.sh', base64: 'YWJj' }],
    });
  });

  it('leave out what cannot be, and name its place', () => {
    expect(
      faultsOf({ hostname: 'lab_1', domain: 'a..b', timezone: 'Paris; rm -rf /', locale: 'fr FR', keyboard: 'FR' }),
    ).toEqual(['hostname', 'domain', 'timezone', 'locale', 'keyboard']);
    expect(faultsOf({ cards: [card({ card: 'eth0; reboot' })] })).toEqual(['card-card']);
    expect(faultsOf({ cards: [card({ ipv4: 'static', addresses4: '' })] })).toEqual(['card-addresses4']);
    expect(faultsOf({ cards: [card({ ipv4: 'static', addresses4: '192.0.2.10' })] })).toEqual(['card-addresses4']);
    expect(faultsOf({ cards: [card({ ipv4: 'static', addresses4: '192.0.2.1/24', gateway4: 'x' })] })).toEqual([
      'card-gateway4',
    ]);
    expect(faultsOf({ cards: [card({ ipv6: 'static', addresses6: '192.0.2.10/24' })] })).toEqual(['card-addresses6']);
    expect(faultsOf({ cards: [card({ dns: 'one.example' })] })).toEqual(['card-dns']);
    expect(faultsOf({ users: [user({ name: 'Anna' })] })).toEqual(['user-name']);
    expect(faultsOf({ users: [user({ groups: 'Admins' })] })).toEqual(['user-groups']);
    expect(faultsOf({ files: [newFile('a', 1, 'YQ==', 'etc/a')] })).toEqual(['file-path']);
    expect(faultsOf({ files: [{ ...newFile('a', 1, 'YQ==', '/etc/a'), mode: '899' }] })).toEqual(['file-mode']);
    expect(faultsOf({ firstBoot: [newFile('a', 1, 'YQ==', '../a')] })).toEqual(['file-path']);
    expect(faultsOf({ groupNames: { vg: 'a/b' } })).toEqual(['group-vg']);
  });

  it.each(['-----BEGIN OPENSSH PRIVATE KEY-----', 'correct horse battery staple', `${KEY}\nsecret`])(
    'never send what is no public key: %s',
    (sshKeys) => {
      const said = settingsSaid({ ...newInside(), users: [user({ sshKeys })] });
      expect([...said.faults].join()).toMatch(/sshKeys/);
      expect(said.settings).toBeNull();
    },
  );
});

describe('the request for a target', () => {
  const form = {
    ...formOf({ target: '/images/a.img' }),
    inside: { ...newInside(), identity: 'fresh' as const, keep: ['logs' as const] },
  };

  it('asks for a fresh identity and for the settings of its machine', () => {
    const settings = { hostname: 'lab-01', network: [], users: [], files: [], firstBoot: [] };
    expect(requestFor('t@1', form, 0, 1, { settings })).toMatchObject({ identity: 'fresh', keep: ['logs'], settings });
  });

  it('asks for names of groups that are others than before', () => {
    const inside = { ...newInside(), groupNames: { vg: ' lab-vg ', data: '', other: 'other' } };
    expect(requestFor('t@1', { ...form, inside }, 0, 1)).toMatchObject({
      groupNames: [{ group: 'vg', name: 'lab-vg' }],
    });
  });

  it('asks for drivers out of an ISO where one is named', () => {
    const inside = { ...newInside(), virtioDrivers: '/isos/virtio-win.iso' };
    expect(requestFor('t@1', { ...form, inside }, 0, 1)).toMatchObject({ virtioDrivers: '/isos/virtio-win.iso' });
    expect(requestFor('t@1', form, 0, 1)).not.toHaveProperty('virtioDrivers');
    expect(requestFor('t@1', { ...form, inside, isExact: true }, 0, 1)).not.toHaveProperty('virtioDrivers');
  });

  it('asks for neither where the bytes stay as captured; a proof changes nothing and stays', () => {
    const exact = { ...form, isExact: true };
    const proof = proofSaid({ ...newProof(), isWanted: true }).choice;
    const request = requestFor('t@1', exact, 0, 1, { proof });
    expect(request).toMatchObject({ exact: true, bootProof: { timeoutSeconds: 600 } });
    expect(request).not.toHaveProperty('identity');
  });
});

describe('what a guest was captured with', () => {
  const network = [
    { card: 'ens3', ipv4: 'dhcp' as const, ipv6: 'auto' as const, dns: [], searchDomains: [] },
    {
      card: 'ens4',
      ipv4: { addresses: ['192.0.2.10/24', '192.0.2.11/24'], gateway: '192.0.2.1' },
      ipv6: { addresses: ['2001:db8::1/64'] },
      dns: ['192.0.2.53'],
      searchDomains: ['lab.example'],
    },
  ];
  const recorded = {
    ...{ hostname: 'web', domain: 'lab.example', timezone: 'Europe/Paris', locale: 'fr_FR.UTF-8', keyboard: 'fr' },
    ...{ network, users: ['anna'] },
  };

  it('stands in the form, and is no change as long as it is left', () => {
    const form = newInside();
    adopt(form, recorded);
    expect([form.hostname, form.domain, form.timezone, form.keyboard]).toEqual([
      'web',
      'lab.example',
      'Europe/Paris',
      'fr',
    ]);
    form.cards = network.map(cardFormOf);
    form.users = [userFormOf('anna')];
    expect(settingsSaid(form)).toEqual({ settings: null, faults: new Set() });
  });

  it('is changed where something else is typed, and nowhere else', () => {
    const form = newInside();
    adopt(form, recorded);
    form.hostname = 'web-2';
    form.cards = network.map(cardFormOf);
    form.cards[1].addresses4 = '192.0.2.20/24';
    form.users = [{ ...userFormOf('anna'), groups: 'sudo' }];
    expect(settingsSaid(form).settings).toMatchObject({
      hostname: 'web-2',
      network: [{ ...network[1], ipv4: { addresses: ['192.0.2.20/24'], gateway: '192.0.2.1' } }],
      users: [{ name: 'anna', groups: ['sudo'] }],
    });
    expect(settingsSaid(form).settings).not.toHaveProperty('domain');
  });

  it('of another template takes the place of what nobody typed', () => {
    const form = newInside();
    adopt(form, recorded);
    form.domain = 'typed.example';
    adopt(form, { ...recorded, hostname: 'db', domain: 'other.example' });
    expect([form.hostname, form.domain]).toEqual(['db', 'typed.example']);
    adopt(form, null);
    expect([form.hostname, form.domain, form.timezone]).toEqual(['', 'typed.example', '']);
  });
});

describe('a proof', () => {
  it('is told what was chosen, and nothing that was left as it is', () => {
    expect(proofSaid(newProof()).choice).toBeNull();
    const wanted = { ...newProof(), isWanted: true };
    expect(proofSaid(wanted)).toEqual({ choice: { timeoutSeconds: 600 }, faults: new Set() });
    expect(proofSaid({ ...wanted, firmware: 'bios', isSecureBoot: true }).choice).not.toHaveProperty('isSecureBoot');
    const chosen = {
      ...wanted,
      firmware: 'uefi' as const,
      isSecureBoot: true,
      until: 'text' as const,
      text: 'ready',
      memory: '2 GiB',
    };
    expect(proofSaid(chosen).choice).toMatchObject({
      firmware: 'uefi',
      isSecureBoot: true,
      until: 'ready',
      memoryBytes: 2 ** 31,
    });
  });

  it('is told the machine and the bus that were chosen; the older machine has no secure boot', () => {
    const chosen = { ...newProof(), isWanted: true, machineType: 'pc' as const, bus: 'scsi' as const };
    expect(proofSaid(chosen)).toMatchObject({ choice: { machineType: 'pc', bus: 'scsi' }, faults: new Set() });
    const secure = proofSaid({ ...chosen, firmware: 'uefi', isSecureBoot: true });
    expect(secure.faults).toEqual(new Set(['proof-machine-type']));
  });

  it('names what cannot be', () => {
    const bad = { ...newProof(), isWanted: true, until: 'text' as const, memory: '1 MB', minutes: 'long' };
    expect([...proofSaid(bad).faults].sort()).toEqual(['proof-memory', 'proof-minutes', 'proof-text']);
  });
});

it('names count with as many zeros as they are asked for', () => {
  expect(countedName('lab-{n}', 7)).toBe('lab-7');
  expect(countedName('lab-{n:02}-{n:3}', 7)).toBe('lab-07-7');
});
