/** What a new machine is made of, from records of all kinds: this host's limits, other hypervisors' words, words of somebody who means harm. */
import { describe, expect, test } from 'vitest';
import type { VmChoice } from '../../../src-engine/contract/new-vm.contract.ts';
import { NOTHING_RECORDED } from '../../../src-engine/contract/template.contract.ts';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { parseXml } from '../../../src-engine/core/xml.ts';
import { filesFor, volumesFor } from '../../../src-engine/jobs/deploy/vm/disk-names.ts';
import { hardwareOf, type Host } from '../../../src-engine/jobs/deploy/vm/hardware.ts';
import { namedTargets } from '../../../src-engine/jobs/deploy/vm/named-targets.ts';
import { domainXml } from '../../../src-engine/machines/hypervisors/libvirt-domain-xml.ts';

const GIB = 1024 ** 3;
const host = (more: Partial<Awaited<ReturnType<Host['abilities']>>> = {}): Host => ({
  processors: 4,
  memoryBytes: 8 * GIB,
  networks: [
    { name: 'default', isActive: true },
    { name: 'off', isActive: false },
  ],
  isBridge: (name) => name === 'br0',
  abilities: () =>
    Promise.resolve({
      accelerator: 'tcg',
      hasUefi: true,
      hasSecureBoot: true,
      hasTpm: false,
      maxProcessors: 255,
      ...more,
    }),
});

type Recorded = Parameters<typeof hardwareOf>[1];
type Definition = NonNullable<Recorded['definition']>;
const nothing: Recorded = { configuration: NOTHING_RECORDED, machine: null, guest: null, definition: null };
const defined = (more: Partial<Definition>): Recorded => ({
  ...nothing,
  definition: {
    ...{
      hypervisor: 'libvirt',
      name: 'x',
      title: null,
      operatingSystem: null,
      architecture: 'x86_64',
      machineType: null,
    },
    processors: { count: null, model: null, topology: null },
    ...{ memoryBytes: null, firmware: null, hasSecureBoot: false, tpm: null, bootDevices: [], disks: [], cards: [] },
    ...{ video: [], screens: [], sound: [], hasSerialConsole: false, hasGuestAgent: false, hasRandomSource: false },
    ...{ watchdog: null, clock: null, timezone: null, features: [], removed: [] },
    ...more,
  } as Definition,
});
const hardware = (
  recorded: Recorded,
  choice: Partial<VmChoice> = {},
  disks = [{ disk: 1, bus: null as string | null, sectorBytes: 512 }],
  on = host(),
) => hardwareOf('lab', recorded, disks, { start: false, ...choice }, on);
const card = (more: Partial<Definition['cards'][number]>): Definition['cards'][number] => ({
  ...{ model: null, kind: 'network', to: null, mac: null, bootOrder: null, isPluggedIn: true },
  ...more,
});

describe('hardware', () => {
  test('of what nothing is known of is what every system knows', async () => {
    expect(await hardware(nothing)).toMatchObject({
      ...{ processors: 2, memoryBytes: 2 * GIB, firmware: 'bios', machineType: 'q35', buses: ['sata'], checks: [] },
      cards: [{ kind: 'network', name: 'default', model: 'e1000e' }],
    });
  });

  test('that was recorded is cut to what this host has, and says so', async () => {
    const recorded = defined({ processors: { count: 96, model: null, topology: null }, memoryBytes: 512 * GIB });
    const { processors, memoryBytes, notes } = await hardware(recorded);
    expect([processors, memoryBytes]).toEqual([4, 6 * GIB]);
    expect(notes).toContainEqual({ field: 'processors', from: 'adjusted', value: '4', recorded: '96' });
    const chosen = await hardware(recorded, { processors: 96, memoryBytes: 16 * GIB });
    expect(chosen.checks.map(({ code }) => code)).toEqual(['VM_PROCESSORS_OVER_HOST', 'VM_MEMORY_OVER_HOST']);
  });

  test('has no bus that libvirt has not, and sectors of 4096 bytes on one that has them', async () => {
    const disk = (bus: string, sectorBytes = 512) => ({ disk: 1, bus, sectorBytes });
    const busOf = async (bus: string, sectorBytes?: number, choice = {}) =>
      (await hardware(nothing, choice, [disk(bus, sectorBytes)])).buses[0];
    expect(await busOf('nvme')).toBe('sata');
    expect(await busOf('ide')).toBe('ide');
    expect(await busOf('ide', 512, { firmware: 'uefi' })).toBe('sata');
    expect(await busOf('sata', 4096)).toBe('scsi');
    expect(await busOf('virtio', 4096)).toBe('virtio');
    expect(await busOf('lsilogic')).toBe('sata');
    const ides = Array.from({ length: 5 }, (_, i) => ({ disk: i + 1, bus: 'ide', sectorBytes: 512 }));
    expect((await hardware(nothing, {}, ides)).buses).toEqual(['ide', 'ide', 'ide', 'ide', 'sata']);
  });

  test('is plugged into what is here: a network that is off, or only words, becomes one that works', async () => {
    const cards = [
      card({ to: 'default', model: 'rtl8139' }),
      card({ to: 'off', model: '82540EM' }),
      card({ kind: 'bridge', to: 'br0' }),
      card({ kind: 'bridge', to: '../../etc' }),
      card({ to: "'/><hostdev/>", model: "'/><x/>" }),
      card({ kind: 'direct', to: 'eth0' }),
    ];
    expect((await hardware(defined({ cards }))).cards).toEqual([
      { kind: 'network', name: 'default', model: 'rtl8139' },
      { kind: 'network', name: 'default', model: 'e1000e' },
      { kind: 'bridge', name: 'br0', model: 'e1000e' },
      { kind: 'network', name: 'default', model: 'e1000e' },
      { kind: 'network', name: 'default', model: 'e1000e' },
      { kind: 'network', name: 'default', model: 'e1000e' },
    ]);
    expect((await hardware(defined({ cards: [] }))).cards).toEqual([]);
  });

  test('that needs what is not installed is refused by the name of its package where it was chosen, and left out where it was recorded', async () => {
    const codes = async (recorded: Recorded, choice: Partial<VmChoice>, on = host()) =>
      (await hardware(recorded, choice, undefined, on)).checks.map(({ code, level, data }) => [
        code,
        level,
        data.package,
      ]);
    expect(await codes(nothing, { hasTpm: true })).toEqual([['VM_FEATURE_MISSING', 'block', 'swtpm-tools']]);
    const withTpm = defined({ tpm: { model: null, version: '2.0' }, firmware: 'uefi', hasSecureBoot: true });
    expect(await codes(withTpm, {})).toEqual([['VM_TPM_LEFT_OUT', 'warn', 'swtpm-tools']]);
    expect((await hardware(withTpm)).isSecureBoot).toBe(true);
    expect((await hardware(withTpm, { firmware: 'bios' })).isSecureBoot).toBe(false);
    expect(await codes(withTpm, {}, host({ hasTpm: true, hasUefi: false }))).toEqual([
      ['VM_FEATURE_MISSING', 'block', 'ovmf'],
      ['VM_TPM_IS_NEW', 'warn', 'swtpm-tools'],
    ]);
    expect((await codes(nothing, { isSecureBoot: true, machineType: 'pc' })).map(([code]) => code)).toEqual([
      'VM_SECURE_BOOT_NEEDS',
    ]);
  });
});

test('whatever stands in a definition is text in it', async () => {
  const { checks: _checks, buses, cards: _cards, ...made } = await hardware(nothing);
  const hostile = `a'"><x y="&amp;`;
  const xml = domainXml({
    ...made,
    ...{
      place: 'libvirt:x',
      hypervisor: 'libvirt',
      name: hostile,
      id: '7b1f9f3e-5f5c-4f0e-8a38-7a4d8a1f2c33',
      isReload: false,
    },
    ...{
      generationId: '7b1f9f3e-5f5c-4f0e-8a38-7a4d8a1f2c34',
      pool: 'p',
      variables: `/pool/${hostile}`,
      firmware: 'uefi',
    },
    disks: [
      {
        disk: 1,
        path: `/pool/${hostile}`,
        format: 'qcow2',
        name: 'sda',
        bus: buses[0],
        sectorBytes: 4096,
        serial: hostile,
        volume: null,
        isBoot: true,
      },
    ],
    networks: [{ kind: 'network', name: hostile, mac: '52:54:00:00:00:01', model: 'virtio' }],
    ...{ keptDisk: null, overTemplate: null, start: false, bootProof: null },
  });
  const domain = parseXml(xml, 'domain', 'domain');
  const texts = ['name', 'serial', 'nvram'].map((name) => domain.getElementsByTagName(name)[0].textContent);
  expect(texts).toEqual([hostile, hostile, `/pool/${hostile}`]);
  expect(domain.getElementsByTagName('x')).toHaveLength(0);
  expect(domain.getElementsByTagName('source')[0].getAttribute('file')).toBe(`/pool/${hostile}`);
  expect(domain.getElementsByTagName('blockio')[0].getAttribute('logical_block_size')).toBe('4096');
});

describe('names', () => {
  const named = (targets: string[], count = 1) => namedTargets({ targets, count }).map(({ target }) => target);

  test('of machines count, and those of files are what they are', () => {
    expect(named(['libvirt:lab-{n:02}', '/x/{n}.img'], 2)).toEqual(['libvirt:lab-01', 'libvirt:lab-02', '/x/{n}.img']);
    expect(named(['libvirt:a', '/x.img'])).toEqual(['libvirt:a', '/x.img']);
    expect(() => named(['libvirt:a'], 2)).toThrow(EngineError);
    expect(() => named(['libvirt:a', 'libvirt:a'])).toThrow(EngineError);
    expect(() => named(['libvirt:a-{n}', 'libvirt:b-{n}'], 40)).toThrow(EngineError);
  });

  test('of files are never longer than a folder takes, hidden, or an option', async () => {
    const nameOf = async (name: string) =>
      (await filesFor('/nowhere', name, 1, 'qcow2', new Set())).disks[0].slice('/nowhere/'.length);
    expect(await nameOf('desk 1')).toBe('desk_1.qcow2');
    expect(await nameOf('.hidden')).toBe('hidden.qcow2');
    expect(Buffer.byteLength(await nameOf('𝒳'.repeat(64)))).toBeLessThan(200);
    const taken = new Set<string>();
    await filesFor('/nowhere', 'a b', 2, 'vmdk', taken);
    const other = await filesFor('/nowhere', 'a_b', 2, 'vmdk', taken);
    expect(other.disks).toEqual(['/nowhere/a_b.2.vmdk', '/nowhere/a_b.2-2.vmdk']);
  });

  test('volumes are named as LVM allows, by names that no volume has', async () => {
    const id = '7b1f9f3e-5f5c-4f0e-8a38-7a4d8a1f2c33';
    const namesOf = async (name: string, there: string[] = [], taken = new Set<string>()) =>
      (await volumesFor('/dev/nowhere', there, { name, id }, 2, taken)).volumes;
    expect(await namesOf('desk 1')).toEqual(['desk_1', 'desk_1-2']);
    expect(await namesOf('Büro-école')).toEqual(['Buro-ecole', 'Buro-ecole-2']);
    expect(await namesOf('лаборатория')).toEqual(['machine', 'machine-2']);
    expect(await namesOf('snapshot of it')).toEqual(['vm-snapshot-of-it', 'vm-snapshot-of-it-2']);
    expect(await namesOf('a_tmeta_b')).toEqual(['vm-a-tmeta-b', 'vm-a-tmeta-b-2']);
    expect((await namesOf('x'.repeat(64)))[0]).toHaveLength(50);
    expect(await namesOf('one', ['one-2'])).toEqual(['one.2', 'one.2-2']);
    const taken = new Set<string>();
    await namesOf('one', [], taken);
    expect(await namesOf('one', [], taken)).toEqual(['one.2', 'one.2-2']);
  });
});
