/** What becomes of a guest's identity where nobody says it: another machine gets its own, the same machine keeps the one that it has. */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CommandParams } from '../../src-engine/contract/commands.ts';
import type { JobView } from '../../src-engine/contract/job.contract.ts';
import type { DeployPlan } from '../../src-engine/contract/plan.contract.ts';
import { commandLine, lastLine } from '../support/command-line.ts';
import { makeExt4, place } from '../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { ELF, writeTree, type GuestTree } from '../support/guests.ts';
import { canLoop, MIB, run, runWithInput, workbench } from '../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => void (engine = await openEngine(bench.path('catalog'))));
afterAll(() => engine.close());

const ROOT_AT = MIB;
const MACHINE_ID = '0123456789abcdef0123456789abcdef';
const UUID = '0a1b2c3d-1111-4222-8333-000000000001';
const TREE: GuestTree = {
  '/etc/os-release': 'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13"\n',
  '/etc/debian_version': '13.1\n',
  '/etc/hostname': 'template\n',
  '/etc/machine-id': `${MACHINE_ID}\n`,
  '/etc/fstab': `UUID=${UUID} / ext4 defaults 0 1\n`,
  '/usr/lib/systemd/systemd': ELF,
  '/var/log/syslog': 'something secret happened\n',
};

function treeOf(name: string, tree: GuestTree): string {
  const folder = bench.path(`${name}.tree`);
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  writeTree(folder, tree);
  return folder;
}

/** A GPT with one Debian on ext4. */
function disk(name: string, tree: GuestTree = TREE): string {
  const image = bench.file(`${name}.img`, 16 * MIB);
  run('sgdisk', '-n', `1:${ROOT_AT / 512}:${(14 * MIB) / 512 - 1}`, '-t', '1:8300', image);
  const own = ['-U', UUID, '-d', treeOf(name, tree), '-E', `offset=${ROOT_AT}`];
  run('mkfs.ext4', '-q', '-F', ...own, image, `${13 * 1024}k`);
  return image;
}

const machineIdOf = (image: string) => run('debugfs', '-R', 'cat /etc/machine-id', `${image}?offset=${ROOT_AT}`).trim();
const uuidOf = (image: string) => run('blkid', '-p', '-O', String(ROOT_AT), '-o', 'value', '-s', 'UUID', image).trim();
const marksOf = (image: string) => ({ machineId: machineIdOf(image), uuid: uuidOf(image) });
const CAPTURED = { machineId: MACHINE_ID, uuid: UUID };

type Asked = Partial<CommandParams<'deploy.plan'>> & { target: string };

async function deployed(template: string, asked: Asked): Promise<{ plan: DeployPlan; job: JobView }> {
  const plan = await engine.client.call('deploy.plan', { template, ...asked });
  const { planId, needsOverwrite, confirmWords } = plan;
  const start = { planId, overwrite: needsOverwrite, confirm: confirmWords[0] };
  return { plan, job: await engine.ended((await engine.client.call('deploy.start', start)).jobId) };
}

const toldBy = ({ identity: { becomes, because } }: DeployPlan) => `${becomes}: ${because}`;

describe('a deploy of a system', () => {
  let source: string;
  beforeAll(async () => {
    source = disk('debian');
    resultOf(await engine.capture(source, 'debian'));
  });

  test('to a new file makes another machine, in its files, its file system and its table', async () => {
    const target = bench.path('new.img');
    const { plan, job } = await deployed('debian', { target });
    expect(toldBy(plan)).toBe('fresh: deployment');
    const { inside } = resultOf(job);
    // what is kept is told why
    expect(job.warnings).toEqual([]);
    expect(inside!.changes.map(({ path }) => path)).toEqual(expect.arrayContaining(['/etc/machine-id', '/etc/fstab']));
    const { machineId, uuid } = marksOf(target);
    expect(machineId).not.toContain(MACHINE_ID);
    expect(uuid).toMatch(/^[0-9a-f-]{36}$/);
    expect(uuid).not.toBe(UUID);
    expect(run('debugfs', '-R', 'cat /etc/fstab', `${target}?offset=${ROOT_AT}`)).toContain(`UUID=${uuid}`);
    const guid = (image: string) => /Disk identifier \(GUID\): (\S+)/.exec(run('sgdisk', '-p', image))![1];
    expect(guid(target)).not.toBe(guid(source));
    expect(run('e2fsck', '-fn', `${target}?offset=${ROOT_AT}`)).toContain('files');
  });

  test('leaves what is to be kept of it', async () => {
    const target = bench.path('some.img');
    const { plan } = await deployed('debian', { target, keep: ['file-system-uuids'] });
    expect(toldBy(plan)).toBe('fresh: deployment');
    expect(marksOf(target)).toEqual({ machineId: expect.not.stringContaining(MACHINE_ID), uuid: UUID });
  });

  test.each<[string, Partial<Asked>, string]>([
    ['keep', { identity: 'keep' }, 'keep: asked'],
    ['exact', { exact: true }, 'keep: exact'],
  ])('with %s has the bytes as captured', async (name, how, why) => {
    const target = bench.path(`${name}.img`);
    const { plan, job } = await deployed('debian', { target, ...how });
    expect(toldBy(plan)).toBe(why);
    expect(resultOf(job).inside).toBeUndefined();
    expect(readFileSync(target).equals(readFileSync(source))).toBe(true);
  });

  test('onto the file that was captured keeps its identity, also where nothing of it is left', async () => {
    const before = readFileSync(source);
    const again = await deployed('debian', { target: source });
    expect(toldBy(again.plan)).toBe('keep: same-machine');
    expect(readFileSync(source).equals(before)).toBe(true);
    writeFileSync(source, Buffer.alloc(before.length));
    const restored = await deployed('debian', { target: source });
    expect(toldBy(restored.plan)).toBe('keep: source');
    expect(readFileSync(source).equals(before)).toBe(true);
  });

  test.skipIf(!canLoop)(
    'of a newer version keeps the identity of the machine that has the older one, and no other’s',
    async () => {
      const [same, other] = ['same', 'other'].map((name) => bench.attach(bench.file(`${name}.disk`, 16 * MIB)));
      await deployed('debian', { target: same, identity: 'keep' });
      await deployed('debian', { target: other });
      const newer = bench.path('newer.img');
      copyFileSync(source, newer);
      runWithInput('write /etc/os-release /srv.txt\n', 'debugfs', '-w', '-f', '-', `${newer}?offset=${ROOT_AT}`);
      resultOf(await engine.capture(newer, 'debian'));
      const again = await deployed('debian@2', { target: same });
      expect(toldBy(again.plan)).toBe('keep: same-machine');
      expect(marksOf(same)).toEqual(CAPTURED);
      const second = await deployed('debian@2', { target: other });
      expect(toldBy(second.plan)).toBe('fresh: deployed-before');
      expect(marksOf(other)).toEqual({
        machineId: expect.not.stringContaining(MACHINE_ID),
        uuid: expect.not.stringContaining(UUID),
      });
    },
  );

  test('is told by the command line, in the plan and when it is asked', async () => {
    const diskpress = commandLine(bench.path('catalog'));
    const plan = await diskpress('deploy', 'debian@1', bench.path('cli.img'), '--plan');
    expect(plan.out).toContain(`Identity: A fresh one. This is a deployment: nothing that was recorded`);
    expect(plan.out).toContain('Set up as captured, unless an option says otherwise:\n  Host name: template\n');
    const french = await diskpress('--lang', 'fr', 'deploy', 'debian@1', source, '--overwrite', '--plan');
    expect(french.out).toContain(`C’est un redéploiement\u202f: ${source} contient déjà cette machine`);
    const json = await diskpress('--json', 'deploy', 'debian@1', bench.path('cli.img'), '--plan', '--identity', 'keep');
    expect(lastLine(json).value.identity).toMatchObject({ becomes: 'keep', because: 'asked' });
    const saved = bench.path('plan.txt');
    await diskpress('deploy', 'debian@1', bench.path('cli.img'), '--plan', '--save', saved);
    expect(readFileSync(saved, 'utf8')).toMatch(/Identity.*A fresh one/s);
  });
});

describe('a machine with more than systemd and OpenSSH know of', () => {
  const SHARED = '/etc/ssl/private/ssl-cert-snakeoil.key';
  const OWN: GuestTree = {
    '/etc/dropbear/dropbear_ed25519_host_key': 'secret\n',
    '/usr/bin/dropbearkey': ELF,
    '/etc/iscsi/initiatorname.iscsi': 'InitiatorName=iqn.1993-08.org.debian:01:abc\n',
    '/etc/hostid': 'abcd',
    '/var/lib/systemd/credential.secret': 'secret\n',
  };
  const read = (image: string, path: string) => run('debugfs', '-R', `cat ${path}`, `${image}?offset=${ROOT_AT}`);
  const target = bench.path('server.deployed');
  let name: string;

  test('gets its keys and ids anew, and is told which it shares', async () => {
    resultOf(await engine.capture(disk('server', { ...TREE, ...OWN, [SHARED]: 'key\n' }), 'server'));
    const { plan, job } = await deployed('server', { target });
    const data = { count: 1, paths: SHARED };
    expect(plan.checks).toContainEqual({ code: 'IDENTITY_SHARED', level: 'warn', data });
    resultOf(job);
    expect(job.warnings).toEqual([{ code: 'IDENTITY_SHARED', data: { ...data, target } }]);
    for (const [path, text] of Object.entries(OWN).slice(2)) expect(read(target, path)).not.toBe(text);
    expect(read(target, '/etc/dropbear/dropbear_ed25519_host_key')).toBe('');
    expect(read(target, '/etc/systemd/system/diskpress-dropbear-host-keys.service')).toContain('-t ed25519');
    expect(read(target, SHARED)).toBe('key\n');
    name = read(target, '/etc/iscsi/initiatorname.iscsi');
    expect(name).toMatch(/^InitiatorName=iqn\.1993-08\.org\.debian:[0-9a-f]{12}\n$/);
  });

  test('becomes yet another one when it is deployed again, and that is told', async () => {
    const before = uuidOf(target);
    const { plan } = await deployed('server', { target });
    expect(toldBy(plan)).toBe('fresh: deployed-before');
    expect(uuidOf(target)).not.toBe(before);
    expect(read(target, '/etc/iscsi/initiatorname.iscsi')).not.toBe(name);
  });
});

describe('what has no identity', () => {
  test.each<[string, () => string]>([
    ['a disk of data', () => data()],
    ['a file system without a table', () => makeExt4(bench, 'bare.img', 8 * MIB)],
    ['nothing but noise', () => bench.file('noise.img', 2 * MIB, 0x5a)],
  ])('is deployed as it is: %s', async (name, make) => {
    const source = make();
    resultOf(await engine.capture(source, name, { outside: 'take' }));
    const target = bench.path(`${name}.deployed`);
    const { plan, job } = await deployed(name, { target });
    expect(toldBy(plan)).toBe('keep: nothing-to-renew');
    expect(plan.checks.filter(({ code }) => /IDENTITY|GUEST|NO_SYSTEM/.test(code))).toEqual([]);
    expect(resultOf(job).inside).toBeUndefined();
    expect(job.warnings).toEqual([]);
    expect(uuidAnywhere(target)).toBe(uuidAnywhere(source));
  });

  function data(): string {
    const image = bench.file('data.img', 12 * MIB);
    run('sgdisk', '-n', '1:2048:20479', '-t', '1:8300', image);
    place(makeExt4(bench, 'data.ext4', 9 * MIB), image, MIB);
    return image;
  }

  const uuidAnywhere = (image: string) =>
    ['0', String(MIB)]
      .map((at) => {
        try {
          return run('blkid', '-p', '-O', at, '-o', 'export', image);
        } catch {
          return '';
        }
      })
      .join('\n')
      .replaceAll(image, '');
});

describe.skipIf(!canLoop)('where this machine, or this guest, does not let it be renewed', () => {
  test('it stays, and that is told before and after; whoever asks for it is refused', async () => {
    const image = bench.file('btrfs.img', 130 * MIB);
    run('sgdisk', '-n', '1:2048:0', '-t', '1:8300', image);
    const volume = bench.file('btrfs.part', 128 * MIB);
    run('mkfs.btrfs', '-q', '-m', 'single', '-U', UUID, '--rootdir', treeOf('btrfs', TREE), volume);
    place(volume, image, MIB);
    run('chown', '65534:65534', image);
    chmodSync(bench.folder, 0o755);
    const home = bench.path('home');
    mkdirSync(home);
    run('chown', '65534:65534', home);
    const person = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
    const diskpress = commandLine(bench.path('home', 'catalog'), process.env, person);
    expect(await diskpress('capture', image, '--name', 'own')).toMatchObject({ code: 0 });
    const target = bench.path('home', 'own.img');
    const refused = await diskpress('deploy', 'own', target, '--identity', 'fresh');
    expect(refused).toMatchObject({ code: 5, err: expect.stringContaining('only root can write its file system') });
    const ended = await diskpress('deploy', 'own', target);
    expect(ended, ended.err).toMatchObject({ code: 0 });
    const why = 'because of /etc/machine-id: only root can write its file system';
    expect(ended.err).toContain(`As captured, though this is a deployment, ${why}`);
    expect(ended.out).toContain(`${target} keeps the identity of the template, ${why}`);
    expect(readFileSync(`${bench.mount(target, `loop,ro,offset=${MIB}`)}/etc/machine-id`, 'utf8').trim()).toBe(
      MACHINE_ID,
    );
    expect(run('blkid', '-p', '-O', String(MIB), '-o', 'value', '-s', 'UUID', target).trim()).toBe(UUID);
  });

  test('it stays where a journal waits that only root could replay', async () => {
    const image = disk('unclean');
    // as a machine leaves it that loses its power: the journal is to be replayed
    const device = bench.attach(image, '-o', String(ROOT_AT), '--sizelimit', String(13 * MIB));
    const point = bench.mount(device, 'rw');
    writeFileSync(`${point}/etc/motd`, 'written last\n');
    run('sync', '-f', point);
    const snapshot = bench.path('snapshot.img');
    copyFileSync(image, snapshot);
    bench.unmount(point);
    expect(run('dumpe2fs', '-h', `${snapshot}?offset=${ROOT_AT}`)).toContain('needs_recovery');
    const home = bench.path('home2');
    mkdirSync(home);
    run('chown', '65534:65534', home, snapshot);
    chmodSync(bench.folder, 0o755);
    const person = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
    const diskpress = commandLine(bench.path('home2', 'catalog'), process.env, person);
    expect(await diskpress('capture', snapshot, '--name', 'own')).toMatchObject({ code: 0 });
    const ended = await diskpress('deploy', 'own', bench.path('home2', 'own.img'));
    expect(ended, ended.err).toMatchObject({ code: 0, out: expect.stringContaining('its journal was not replayed') });
  });

  test('it stays where the volume is full', async () => {
    // its host keys are made anew by a service, which takes room
    const ssh = { '/usr/bin/ssh-keygen': ELF, '/usr/sbin/sshd': ELF, '/etc/ssh/ssh_host_ed25519_key': 'secret\n' };
    const image = disk('full', { ...TREE, ...ssh });
    const at = `${image}?offset=${ROOT_AT}`;
    const block = Number(/Block size:\s+(\d+)/.exec(run('dumpe2fs', '-h', at))![1]);
    const free = Number(/Free blocks:\s+(\d+)/.exec(run('dumpe2fs', '-h', at))![1]);
    // a few blocks are left, and take where the others lie
    const filler = bench.file('filler', (free - 2) * block, 0x41);
    runWithInput(`write ${filler} filler\n`, 'debugfs', '-w', '-f', '-', at);
    resultOf(await engine.capture(image, 'full'));
    const target = bench.path('full.deployed');
    const { plan, job } = await deployed('full', { target });
    expect(toldBy(plan)).toBe('keep: lacking');
    expect(plan.identity.data.reason).toBe('volume-full');
    resultOf(job);
    expect(marksOf(target)).toEqual(CAPTURED);
  });

  test('what a pipe stands in the place of stays, and is told; the rest is renewed', async () => {
    const image = disk('hostile');
    const commands = 'rm /etc/machine-id\ncd /etc\nmknod machine-id p\n';
    runWithInput(commands, 'debugfs', '-w', '-f', '-', `${image}?offset=${ROOT_AT}`);
    resultOf(await engine.capture(image, 'hostile'));
    const target = bench.path('hostile.deployed');
    const { plan, job } = await deployed('hostile', { target });
    expect(toldBy(plan)).toBe('fresh: deployment');
    expect(plan.checks).toContainEqual({ code: 'IDENTITY_KEPT', level: 'warn', data: { setting: 'machine-id' } });
    resultOf(job);
    expect(uuidOf(target)).not.toBe(UUID);
    // and what became of it stands in the job
    expect((await engine.client.call('job.show', { jobId: job.id })).parts[0].identity).toBe('fresh');
  });
});
