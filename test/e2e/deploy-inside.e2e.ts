/** What is changed inside a guest, said once for two machines: shown before, written, shown afterwards; debugfs says what is there. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ELF, writeTree } from '../support/guests.ts';
import { GPT, makeGptDisk, run } from './disks.ts';
import { expect, test } from './fixtures.ts';
import { judge } from './judge.ts';
import { captureFile, untilDone } from './steps.ts';

test.describe.configure({ mode: 'serial' });

const KEY = `ssh-ed25519 ${'AAAA'.repeat(12)} anna@lab`;

const at = (image: string) => `${image}?offset=${GPT.rootStart}`;
const cat = (image: string, path: string) =>
  execFileSync('debugfs', ['-R', `cat ${path}`, at(image)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

/** A disk with a Debian that names itself: as much of one as is looked at. */
function makeGuest(folder: string): string {
  const tree = join(folder, 'guest');
  mkdirSync(tree);
  chmodSync(tree, 0o755);
  writeTree(tree, {
    '/etc/os-release': 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n',
    '/etc/debian_version': '12.7\n',
    '/etc/hostname': 'template\n',
    '/etc/hosts': '127.0.0.1\tlocalhost\n127.0.1.1\ttemplate <b>&amp;</b>\n',
    '/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
    '/etc/network/interfaces': 'auto lo\niface lo inet loopback\n',
    '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\n',
    '/etc/shadow': 'root:*:19000:0:99999:7:::\n',
    '/etc/group': 'root:x:0:\nsudo:x:27:\n',
    '/etc/gshadow': 'root:*::\nsudo:*::\n',
    '/usr/bin/bash': ELF,
    '/etc/sudoers': 'root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n',
    '/etc/ssh/sshd_config': 'PermitRootLogin no\n',
    '/usr/bin/sudo': ELF,
    '/usr/sbin/sshd': ELF,
    '/usr/sbin/ifup': ELF,
    '/usr/lib/systemd/systemd': ELF,
    '/var/log/syslog': 'something that happened\n',
  });
  return makeGptDisk(join(folder, 'guest.img'), tree);
}

test('two machines get names that count, a card, a user and an identity each; nothing else differs', async ({
  app,
  pages,
  served,
  go,
}) => {
  const { deploy, jobs, t } = pages;
  await captureFile(app, makeGuest(served.folder), 'Guest');
  await untilDone(app, /Captured/);
  const targets = ['one.img', 'two.img'].map((name) => join(served.folder, name));
  await go('/deploy');
  await deploy.chooseTemplate(/Guest/);
  await deploy.chooseFile(targets[0]);
  await deploy.add.click();
  await deploy.chooseFile(targets[1]);
  await deploy.next.click();
  await deploy.next.click();

  const name = deploy.field('guestChange.reason.hostname');
  // what the guest has is where it can be edited, and no change until then
  await expect(name).toHaveValue('template');
  await deploy.type(name, 'lab_{n}');
  await expect(deploy.seePlan).toBeDisabled();
  await deploy.type(name, 'lab-{n:02}');
  await expect(app.getByText('They become lab-01 and lab-02.')).toBeVisible();
  await expect(app.getByText('lab-01: written to /etc/hostname and /etc/hosts.')).toBeVisible();
  // nobody has said anything of it: these are other machines than the one that was captured
  await expect(app.getByText('/etc/machine-id is emptied')).toBeHidden();
  await expect(app.getByText(`nothing on ${targets[1]}, says that it is the captured machine again`)).toBeVisible();
  await deploy.kept.check({ force: true });
  await expect(app.getByText('These machines will have the same identity')).toBeVisible();
  await deploy.fresh.check({ force: true });
  await expect(app.getByText('/etc/machine-id is emptied')).toBeVisible();
  await app.getByRole('checkbox', { name: t('identity.logs') }).uncheck();

  await deploy.unfold('guestChange.reason.network');
  await deploy.button('inside.network.add').click();
  await app.getByText(t('inside.network.v4.static'), { exact: true }).first().click();
  await deploy.type(deploy.field('inside.network.addresses'), '192.0.2.254/24');
  // the second machine has no address there
  const network = deploy.section('guestChange.reason.network');
  await expect(network).toContainText('192.0.2.254/24: no 2 addresses from there');
  await expect(deploy.seePlan).toBeDisabled();
  await deploy.type(deploy.field('inside.network.addresses'), '192.0.2.10/24');

  await deploy.unfold('guestChange.reason.users');
  await deploy.button('inside.users.add').click();
  await deploy.type(deploy.field('inside.users.name'), 'anna');
  await deploy.type(app.getByLabel(t('inside.users.password')).first(), 'correct horse');
  await expect(app.getByText(t('inside.users.passwordSet'))).toBeVisible();
  await expect(app.getByLabel(t('inside.users.password')).first()).toHaveValue('');
  await deploy.type(deploy.field('inside.users.keys'), KEY);
  await deploy.type(deploy.field('inside.users.groups'), 'sudo');
  await expect(app.getByText('anna becomes a new user')).toBeVisible();
  writeFileSync(join(served.folder, 'motd'), 'Welcome to the lab\n');
  await deploy.unfold('inside.files.title');
  await app.getByLabel(t('inside.files.add')).first().setInputFiles(join(served.folder, 'motd'));
  await deploy.type(deploy.field('inside.files.path'), '/etc/motd');
  // what was said last is planned, and nothing changes its colours any more
  await expect(async () => {
    await expect(deploy.seePlan).toBeEnabled();
    await app.waitForTimeout(1000);
    expect(await deploy.seePlan.isEnabled()).toBe(true);
  }).toPass();
  await judge(app, 'inside');

  await deploy.seePlan.click();
  await expect(deploy.planned(1)).toContainText('lab-01: written to');
  await expect(deploy.planned(2)).toContainText('lab-02: written to');
  await expect(deploy.planned(1)).not.toContainText('correct horse');
  await judge(app, 'plan of the inside');
  await deploy.startSeveral.click();
  await untilDone(app, /Deployed: .* written\.$/);
  for (const [i, target] of targets.entries()) {
    const own = `lab-0${i + 1}`;
    expect(cat(target, '/etc/hostname')).toBe(`${own}\n`);
    expect(cat(target, '/etc/hosts')).toContain(own);
    expect(cat(target, '/etc/machine-id')).toBe('');
    expect(cat(target, '/etc/motd')).toBe('Welcome to the lab\n');
    expect(cat(target, '/home/anna/.ssh/authorized_keys')).toContain(KEY);
    expect(cat(target, '/etc/shadow')).toMatch(/^anna:\$6\$/m);
    expect(cat(target, '/etc/group')).toMatch(/^sudo:x:27:anna$/m);
    expect(cat(target, '/var/log/syslog')).toBe('something that happened\n');
    run('e2fsck', '-fn', at(target));
  }

  const second = jobs.part(2);
  await second.locator('summary').first().click();
  await expect(second).toContainText('Nothing else differs from the template');
  await second.locator('summary').filter({ hasText: '/etc/hosts' }).click();
  const lines = second.getByRole('region', { name: '/etc/hosts' });
  await expect(lines).toContainText('lab-02');
  // what stands in the guest is text here, whatever it looks like
  await expect(lines).toContainText('<b>&amp;</b>');
  await judge(app, 'job with changes');
});

test('exactly as captured turns all of it off', async ({ app, pages, served, go }) => {
  const { deploy, t } = pages;
  const target = join(served.folder, 'exact.img');
  await go('/deploy');
  await deploy.chooseTemplate(/Guest/);
  await deploy.chooseFile(target);
  await deploy.next.click();
  await deploy.next.click();
  await deploy.type(deploy.field('guestChange.reason.hostname'), 'other');
  await expect(app.getByText('other: written to')).toBeVisible();
  await deploy.exact.check();
  await expect(app.getByText(t('inside.off'))).toBeVisible();
  await deploy.seePlan.click();
  await expect(app.locator('.part')).not.toContainText('other');
  await deploy.start.click();
  await untilDone(app, /Deployed/);
  run('cmp', target, join(served.folder, 'guest.img'));
});

test('a table names targets and what each machine has for itself; the plan is saved', async ({
  app,
  pages,
  served,
  go,
}) => {
  const { deploy, t } = pages;
  const table = join(served.folder, 'room.csv');
  const targets = ['a.img', 'b.img'].map((name) => join(served.folder, name));
  writeFileSync(table, `target,hostname,network\n${targets[0]},north,1=dhcp\n${targets[1]},no_name,\n`);
  await go('/deploy');
  await deploy.chooseTemplate(/Guest/);
  const choose = app.getByLabel(t('deploy.table'));
  await choose.setInputFiles(table);
  // the place that is wrong is told
  await expect(app.getByText('room.csv, line 3, column hostname: “no_name” cannot stand there').first()).toBeVisible();
  writeFileSync(table, `target,hostname,network\n${targets[0]},north,1=dhcp\n${targets[1]},south,\n`);
  await choose.setInputFiles(table);
  await expect(deploy.targets).toHaveCount(2);
  await expect(deploy.targets.nth(1)).toContainText(`Creates ${targets[1]}`);
  await deploy.seeWholePlan();
  await expect(deploy.planned(1)).toContainText('north: written to');
  await expect(deploy.planned(2)).toContainText('south: written to');
  await deploy.button('plan.save').click();
  const [saved] = await Promise.all([
    app.waitForEvent('download'),
    app.getByRole('menuitem', { name: t('plan.saveText') }).click(),
  ]);
  expect(saved.suggestedFilename()).toMatch(/^plan-Guest-.*\.txt$/);
  const text = readFileSync(await saved.path(), 'utf8');
  expect(text).toContain('/etc/network/interfaces');
  expect(text).toMatch(/\+ north/);
  expect(text).toMatch(/\+ south/);
});
