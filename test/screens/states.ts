/** Every page and state that pictures are taken of. */
import type { Page } from '@playwright/test';
import type { Pages } from '../pages/index.ts';

const uuid = (n: number) => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
const JOB = (n: number) => uuid(10_000 + n);
const ID = uuid(1);
const DAMAGED = uuid(4);
const SERVER = uuid(6);
const ISO = uuid(7);
const OWN = uuid(8);
const SHOP = uuid(9);
const NODE = uuid(10);
const PAIR = uuid(11);
const STORAGE = uuid(12);
const IMAGES = '/home/lab/images';
/** a saved profile of a machine without a hypervisor */
const METAL_MACHINE = 'bench 7';

const FILES = `/templates/${ID}?tab=files&volume=2`;
const STUDENT = `${FILES}&path=/home/student`;
/** Shows a file beside the list, as a click does. */
const showing =
  (name: string) =>
  ({ files }: Pages) =>
    files.grid.getByRole('row').filter({ hasText: name }).first().click();

/** What stands below the disks. */
const toMachines = ({ page, t }: Pages) =>
  page.getByRole('heading', { name: t('vm.title') }).evaluate((el) => el.scrollIntoView());

async function toName({ capture }: Pages) {
  await capture.disk('/dev/sda').check();
  await capture.next.click();
}

/** The proof of a wizard, turned on and in sight. */
async function proveIt({ page, t }: Pages) {
  await page.getByRole('checkbox', { name: t('proof.wish') }).check();
  await page.getByRole('combobox', { name: t('proof.bus') }).scrollIntoViewIfNeeded();
}

/** A capture for machines without a hypervisor, judged for one of them. */
async function planOfMetal(pages: Pages) {
  const { capture, rules, t } = pages;
  await toName(pages);
  await rules.choose(rules.kind, t('kind.bare-metal'));
  await rules.choose(rules.machine, METAL_MACHINE);
  await capture.seePlan.click();
}

/** Drags made-up files over the window, or drops them, as a browser that tells no paths. */
const drop = (page: Page, names: string[], type = 'drop') =>
  page.evaluate(
    ([files, event]) => {
      const dataTransfer = new DataTransfer();
      for (const name of files) dataTransfer.items.add(new File([], name));
      document.body.dispatchEvent(new DragEvent(event, { dataTransfer, bubbles: true, cancelable: true }));
    },
    [names, type] as const,
  );

async function queue(pages: Pages) {
  for (const name of ['kiosk.qcow2', 'station.ova', 'old-office', 'locked.7z', 'broken.vmdk']) {
    await pages.import.add(`${IMAGES}/${name}`);
  }
}

/** Both disks of a template, each to a target of its own. */
async function wholePair({ deploy }: Pages) {
  await deploy.disk('/dev/sdc').check();
  await deploy.target(2).click();
  await deploy.chooseFile('/images/data.img');
}

async function toInside({ deploy }: Pages) {
  await deploy.disk('/dev/sdc').check();
  await deploy.next.click();
  await deploy.next.click();
}

/** Names for two machines, a card, and a user who may become root. */
async function sayInside({ deploy }: Pages) {
  await deploy.chooseFile('/images/room-1.img');
  await deploy.add.click();
  await deploy.chooseFile('/images/room-2.img');
  await deploy.next.click();
  await deploy.next.click();
  await deploy.type(deploy.field('guestChange.reason.hostname'), 'lab-{n:02}');
  await deploy.unfold('guestChange.reason.network');
  await deploy.button('inside.network.add').click();
  await deploy.unfold('guestChange.reason.users');
  await deploy.button('inside.users.add').click();
  await deploy.type(deploy.field('inside.users.name'), 'anna');
  await deploy.type(deploy.field('inside.users.groups'), 'wheel');
}

async function toPassword({ export: exporting }: Pages) {
  await exporting.sayFile('/images');
  await exporting.password.fill('correct horse');
}

async function planExport({ export: exporting }: Pages, folder: string) {
  await exporting.sayFile(folder);
  await exporting.seePlan.click();
}

/** The name of the picture, the scene, the address, and what to do there. */
type State = [name: string, scene: string, address: string, act?: (pages: Pages) => Promise<unknown>];

export const STATES: readonly State[] = [
  ['home', 'many', '/'],
  ['home-empty', 'empty', '/'],
  ['home-quiet', 'quiet', '/'],
  ['home-lost', 'lost', '/', ({ page }) => page.waitForTimeout(500)],
  ['catalog', 'many', '/catalog'],
  ['catalog-empty', 'empty', '/catalog'],
  ['catalog-one', 'one', '/catalog'],
  ['catalog-thousand', 'thousand', '/catalog'],
  ['catalog-cards', 'thousand', '/catalog?view=cards'],
  ['catalog-chosen', 'many', `/catalog?chosen=${ID}`],
  ['catalog-filtered', 'many', '/catalog?tag=linux&status=active&q=debian'],
  ['catalog-nothing', 'many', '/catalog?q=zzz'],
  ['catalog-bin', 'many', '/catalog?bin=1'],
  [
    'catalog-selected',
    'many',
    '/catalog',
    async ({ page }) => {
      for (const n of [1, 2, 3]) await page.locator('input[type=checkbox]').nth(n).check();
    },
  ],
  ['catalog-menu', 'many', '/catalog', ({ page }) => page.locator('.bar button.button').first().click()],
  ['template', 'many', `/templates/${ID}`],
  ['home-long', 'long', '/'],
  ['catalog-long', 'long', `/catalog?chosen=${ID}`],
  ['catalog-cards-long', 'long', '/catalog?view=cards'],
  ['template-long', 'long', `/templates/${ID}`],
  ['devices-long', 'long', '/devices?device=/dev/sdc'],
  ['job-long', 'long', `/jobs/${JOB(0)}`],
  ['capture-long', 'long', '/capture', ({ capture }) => capture.planDisk('/dev/sda')],
  ['deploy-long', 'long', `/deploy?template=${ID}`, ({ deploy }) => deploy.disk('/dev/sdc').check()],
  ['template-damaged', 'many', `/templates/${DAMAGED}`],
  ['template-disks', 'many', `/templates/${DAMAGED}?tab=disks`],
  [
    'template-account',
    'many',
    `/templates/${SERVER}?tab=disks`,
    async ({ capture, template }) => {
      await capture.places.click();
      await template.account.evaluate((el) => el.scrollIntoView());
    },
  ],
  [
    'template-damage',
    'many',
    `/templates/${SERVER}?tab=checks`,
    async ({ template }) => {
      await template.damage.locator('summary').click();
      await template.damage.evaluate((el) => el.scrollIntoView());
    },
  ],
  ['template-checks', 'many', `/templates/${DAMAGED}?tab=checks`],
  ['template-history', 'many', `/templates/${ID}?tab=history`],
  ['template-edit', 'many', `/templates/${ID}`, ({ template }) => template.edit.click()],
  ['template-map', 'many', `/templates/${ID}`, ({ template }) => template.segment(1).hover()],
  ['template-server', 'many', `/templates/${SERVER}`],
  ['template-server-disks', 'many', `/templates/${SERVER}?tab=disks`],
  ['template-server-map', 'many', `/templates/${SERVER}`, ({ template }) => template.segment(2).hover()],
  ['template-pair', 'many', `/templates/${PAIR}`],
  ['template-five', 'many', `/templates/${STORAGE}`],
  ['compare-pair', 'few', `/templates/${PAIR}/compare?before=1&after=2`],
  ['catalog-panel-pair', 'many', `/catalog?chosen=${PAIR}`],
  ['catalog-cards-many', 'many', '/catalog?view=cards'],
  ['template-incomplete', 'many', `/templates/${SERVER}?tab=checks`],
  ['files-volumes', 'many', `/templates/${ID}?tab=files`],
  ['files-locked', 'locked', `/templates/${ID}?tab=files`],
  ['files-root', 'many', FILES],
  ['files-text', 'many', `${FILES}&path=/etc`, showing('fstab')],
  ['files-utf16', 'many', `${FILES}&path=/etc`, showing('registry-export')],
  ['files-devices', 'many', `${FILES}&path=/dev`, showing('sda')],
  ['files-log', 'many', STUDENT, showing('boot.log')],
  ['files-picture', 'many', STUDENT, showing('panorama')],
  ['files-bytes', 'many', STUDENT, showing('invoice')],
  ['files-folder', 'many', STUDENT, showing('measurements')],
  ['files-empty', 'many', `${STUDENT}/empty`],
  [
    'files-many',
    'many',
    `${STUDENT}/measurements`,
    ({ page }) => page.locator('.column').evaluate((el) => el.scrollBy(0, 9_000)),
  ],
  ['files-deep', 'many', `${STUDENT}/projects/2025/sensor board/firmware/src/drivers/adc.c`],
  ['files-damaged', 'many', `${STUDENT}/damaged`],
  ['files-gone', 'many', `${STUDENT}/nothing`],
  ['files-typing', 'many', STUDENT, ({ files }) => files.typePath.click()],
  ['files-saving', 'saving', STUDENT],
  ['files-save', 'many', STUDENT, ({ files }) => files.saveFolder.click()],
  ['compare', 'many', `/templates/${ID}/compare?before=1&after=3`],
  ['compare-few', 'few', `/templates/${ID}/compare?before=2&after=3`],
  ['compare-equal', 'equal', `/templates/${ID}/compare?before=2&after=3`],
  ['compare-running', 'comparing', `/templates/${ID}/compare?before=1&after=3`],
  ['compare-same', 'many', `/templates/${ID}/compare?before=3&after=3`],
  ['template-gone', 'many', '/templates/nothing'],
  ['capture', 'many', '/capture'],
  [
    'capture-vm',
    'many',
    '/capture',
    async ({ page, t }) => {
      await page.getByText(t('place.vm'), { exact: true }).click();
      await page.getByRole('radio', { name: /lab-golden/ }).check();
    },
  ],
  [
    'capture-vm-runs',
    'many',
    '/capture',
    async ({ page, t }) => {
      await page.getByText(t('place.vm'), { exact: true }).click();
      await page.getByRole('radio', { name: /exam-server/ }).check();
      await page.getByRole('radio', { name: t('vm.shutDown') }).check();
    },
  ],
  ['capture-source', 'many', '/capture', ({ capture }) => capture.disk('/dev/sda').check()],
  ['capture-name', 'many', '/capture', toName],
  [
    'capture-proof',
    'many',
    '/capture',
    async (pages) => {
      await toName(pages);
      await proveIt(pages);
    },
  ],
  ['capture-plan', 'many', '/capture', ({ capture }) => capture.planDisk('/dev/sda')],
  ['capture-hibernated', 'hibernated', '/capture', ({ capture }) => capture.planDisk('/dev/sda')],
  ['capture-outside', 'outside', '/capture', ({ capture }) => capture.planDisk('/dev/sda')],
  [
    'capture-outside-places',
    'outside',
    '/capture',
    async ({ capture }) => {
      await capture.planDisk('/dev/sda');
      await capture.places.click();
    },
  ],
  ['capture-blocked', 'blocked', '/capture', ({ capture }) => capture.planDisk('/dev/sda')],
  ['capture-lab', 'many', '/capture', ({ capture }) => capture.planDisk('/dev/sda')],
  ['capture-rules', 'many', '/capture', planOfMetal],
  [
    'capture-rules-open',
    'many',
    '/capture',
    async ({ capture, rules }) => {
      await capture.planDisk('/dev/sda');
      for (const fold of await rules.folds.all()) await fold.click();
      await rules.section.scrollIntoViewIfNeeded();
    },
  ],
  [
    'capture-rules-blocked',
    'many',
    '/capture',
    async (pages) => {
      const { rules } = pages;
      await planOfMetal(pages);
      await rules.blocks.nth(1).scrollIntoViewIfNeeded();
    },
  ],
  [
    'capture-rules-taken',
    'many',
    '/capture',
    async (pages) => {
      const { rules } = pages;
      await planOfMetal(pages);
      await rules.take.first().check();
      await rules.take.first().scrollIntoViewIfNeeded();
    },
  ],
  [
    'capture-overridden',
    'hibernated',
    '/capture',
    async ({ capture }) => {
      await capture.planDisk('/dev/sda');
      await capture.anyway.first().check();
    },
  ],
  [
    'capture-groups',
    'many',
    '/capture',
    async ({ capture }) => {
      await capture.disk('/dev/sde').check();
      await capture.next.click();
      await capture.unreadable('fill').check({ force: true });
    },
  ],
  [
    'capture-pair',
    'many',
    '/capture',
    async ({ capture, page }) => {
      await capture.disk('/dev/sda').check();
      await capture.others.click();
      await page.getByRole('checkbox', { name: /sdc/ }).check();
      await page.getByRole('checkbox', { name: /sdc/ }).scrollIntoViewIfNeeded();
    },
  ],
  [
    'capture-pair-files',
    'many',
    '/capture',
    async ({ capture }) => {
      await capture.chooseFile('/images/system.img');
      await capture.addFile('/images/data.img');
      await capture.addFile('/images/system.img');
    },
  ],
  [
    'capture-pair-plan',
    'many',
    '/capture',
    async ({ capture, page }) => {
      await capture.disk('/dev/sda').check();
      await capture.others.click();
      await page.getByRole('checkbox', { name: /sdc/ }).check();
      await capture.next.click();
      await capture.seePlan.click();
    },
  ],
  ['capture-file', 'many', '/capture?source=/opt/diskpress/resources/sample.img'],
  [
    'capture-picker',
    'many',
    '/capture',
    async ({ capture }) => {
      await capture.openFiles();
      await capture.browse.click();
    },
  ],
  ['import', 'empty', '/import'],
  ['import-looking', 'importing', '/import?path=/images/slow.img'],
  ['import-recognised', 'importing', `/import?path=${IMAGES}/kiosk.qcow2`],
  ['import-about', 'importing', `/import?path=${IMAGES}/kiosk.qcow2`, (pages) => pages.import.next.click()],
  [
    'import-proof',
    'importing',
    `/import?path=${IMAGES}/kiosk.qcow2`,
    async (pages) => {
      await pages.import.next.click();
      await proveIt(pages);
    },
  ],
  [
    'import-plan',
    'importing',
    `/import?path=${IMAGES}/station.ova`,
    async (pages) => {
      await pages.import.next.click();
      await pages.import.operatingSystem.fill('Ubuntu 22.04');
      await pages.import.seePlan.click();
    },
  ],
  ['import-pair', 'importing', `/import?path=${IMAGES}/pair.ova`],
  [
    'import-pair-one',
    'importing',
    `/import?path=${IMAGES}/pair.ova`,
    (pages) => pages.import.choose(pages.import.which, /^(Disk|Disque) 2/),
  ],
  [
    'import-pair-plan',
    'importing',
    `/import?path=${IMAGES}/pair.ova`,
    async (pages) => {
      await pages.import.next.click();
      await pages.import.seePlan.click();
    },
  ],
  ['import-password', 'importing', `/import?path=${IMAGES}/locked.7z`],
  [
    'import-password-wrong',
    'importing',
    `/import?path=${IMAGES}/locked.7z`,
    async (pages) => {
      await pages.import.unlock('wrong');
    },
  ],
  ['import-entries', 'importing', `/import?path=${IMAGES}/exam-room.zip`],
  [
    'import-entry-chosen',
    'importing',
    `/import?path=${IMAGES}/exam-room.zip`,
    (pages) => pages.import.entry(0).check(),
  ],
  ['import-two-formats', 'importing', `/import?path=${IMAGES}/two-formats.img`],
  ['import-unknown', 'importing', `/import?path=${IMAGES}/unknown.img`],
  ['import-iso', 'importing', `/import?path=${IMAGES}/debian-12.iso`],
  ['import-failed', 'importing', `/import?path=${IMAGES}/broken.vmdk`],
  ['import-over', 'importing', '/catalog', ({ page }) => drop(page, ['kiosk.qcow2'], 'dragenter')],
  ['import-where', 'importing', '/catalog', ({ page }) => drop(page, ['kiosk.qcow2', 'station.ova'])],
  ['import-queue', 'importing', '/import', queue],
  [
    'import-queue-running',
    'importing',
    '/import',
    async (pages) => {
      await queue(pages);
      await pages.import.startAll.click();
    },
  ],
  ['import-picker', 'importing', '/import', (pages) => pages.import.browse.click()],
  ['catalog-imports', 'importing', '/catalog'],
  ['catalog-imports-cards', 'importing', '/catalog?view=cards'],
  ['job-import-failed', 'importing', `/jobs/${JOB(23)}`],
  ['export', 'many', `/templates/${ID}/export`],
  ['export-file', 'many', `/templates/${ID}/export`, toPassword],
  ['export-plan', 'many', `/templates/${ID}/export`, (pages) => planExport(pages, '/images')],
  ['export-overwrite', 'many', `/templates/${ID}/export`, (pages) => planExport(pages, '/images/there')],
  ['export-blocked', 'many', `/templates/${ID}/export`, (pages) => planExport(pages, '/images/full')],
  [
    'template-proof',
    'many',
    `/templates/${SHOP}`,
    async ({ page }) => {
      // its picture is asked for when its place is seen
      await page.locator('.kept').scrollIntoViewIfNeeded();
      await page.getByRole('img').last().scrollIntoViewIfNeeded();
    },
  ],
  ['template-start', 'many', `/templates/${SHOP}`, ({ any }) => any.button('proof.start').click()],
  ['template-configuration', 'many', `/templates/${OWN}?tab=configuration`],
  ['template-guest', 'many', `/templates/${NODE}?tab=configuration`],
  ['template-rules', 'many', `/templates/${SHOP}?tab=rules`],
  [
    'template-rules-metal',
    'many',
    `/templates/${NODE}?tab=rules`,
    async ({ rules }) => {
      await rules.choose(rules.machine, METAL_MACHINE);
      await rules.blocks.nth(1).scrollIntoViewIfNeeded();
    },
  ],
  ['template-rules-save', 'many', `/templates/${NODE}?tab=rules`, ({ rules }) => rules.save.click()],
  ['template-licence', 'many', `/templates/${OWN}`, ({ template }) => template.edit.click()],
  ['template-iso', 'many', `/templates/${ISO}?tab=configuration`],
  ['deploy-iso', 'many', `/deploy?template=${ISO}`],
  ['deploy', 'many', '/deploy'],
  ['deploy-target', 'many', `/deploy?template=${ID}`],
  ['deploy-target-chosen', 'many', `/deploy?template=${ID}`, ({ deploy }) => deploy.disk('/dev/sdc').check()],
  ['deploy-machine', 'many', `/deploy?template=${ID}`, ({ deploy }) => deploy.chooseNewMachine('lab-01')],
  [
    'deploy-machine-plan',
    'many',
    `/deploy?template=${ID}`,
    async ({ deploy }) => {
      await deploy.chooseNewMachine('lab-01');
      await deploy.seeWholePlan();
    },
  ],
  ['deploy-confirm', 'many', `/deploy?template=${ID}`, ({ deploy }) => deploy.planDisk('/dev/sdc')],
  [
    'deploy-volumes',
    'many',
    `/deploy?template=${ID}`,
    async ({ deploy }) => {
      await deploy.disk('/dev/sdc').check();
      await deploy.next.click();
    },
  ],
  [
    'deploy-volumes-dragged',
    'many',
    `/deploy?template=${ID}`,
    async ({ deploy, page }) => {
      await deploy.disk('/dev/sdc').check();
      await deploy.next.click();
      const { x, y, width, height } = (await deploy.handles.nth(1).boundingBox())!;
      await page.mouse.move(x + width / 2, y + height / 2);
      await page.mouse.down();
      await page.mouse.move(x - 120, y + height / 2, { steps: 4 });
    },
  ],
  [
    'deploy-volumes-refused',
    'many',
    `/deploy?template=${ID}`,
    async ({ deploy }) => {
      await deploy.disk('/dev/sdc').check();
      await deploy.next.click();
      await deploy.type(deploy.volumeSize('debian-root'), '4 GB');
    },
  ],
  [
    'deploy-volumes-smaller',
    'many',
    `/deploy?template=${SERVER}`,
    async ({ deploy }) => {
      await deploy.chooseFile('/images/room-2.img');
      await deploy.type(deploy.size, '1.9 TB');
      await deploy.next.click();
    },
  ],
  [
    'deploy-volumes-several',
    'many',
    `/deploy?template=${ID}`,
    async ({ deploy }) => {
      await deploy.chooseFile('/images/small.img');
      await deploy.type(deploy.size, '120 GB');
      for (const [name, size] of [
        ['large', '480 GB'],
        ['tiny', '20 GB'],
      ]) {
        await deploy.add.click();
        await deploy.chooseFile(`/images/${name}.img`);
        await deploy.type(deploy.size, size);
      }
      await deploy.next.click();
      await deploy.byTarget.scrollIntoViewIfNeeded();
    },
  ],
  ['deploy-inside', 'many', `/deploy?template=${ID}`, toInside],
  ['deploy-inside-said', 'many', `/deploy?template=${ID}`, sayInside],
  [
    'deploy-inside-user',
    'many',
    `/deploy?template=${ID}`,
    async (pages) => {
      await sayInside(pages);
      await pages.deploy.section('guestChange.reason.network').scrollIntoViewIfNeeded();
      await pages.page.locator('.scroll').evaluate((el) => el.scrollBy(0, 500));
    },
  ],
  [
    'deploy-inside-recorded',
    'many',
    `/deploy?template=${ID}`,
    async (pages) => {
      await toInside(pages);
      await pages.deploy.unfold('guestChange.reason.network');
      await pages.deploy.unfold('guestChange.reason.users');
      await pages.deploy.button('inside.change').nth(1).click();
      await pages.deploy.section('guestChange.reason.network').scrollIntoViewIfNeeded();
    },
  ],
  [
    'deploy-inside-again',
    'many',
    `/deploy?template=${ID}`,
    async ({ deploy }) => {
      await deploy.disk('/dev/sdb').check();
      await deploy.next.click();
      await deploy.next.click();
    },
  ],
  [
    'deploy-inside-fresh',
    'many',
    `/deploy?template=${ID}`,
    async (pages) => {
      await toInside(pages);
      await pages.deploy.fresh.check({ force: true });
    },
  ],
  [
    'deploy-inside-faults',
    'many',
    `/deploy?template=${ID}`,
    async (pages) => {
      const { deploy } = pages;
      await toInside(pages);
      await deploy.type(deploy.field('guestChange.reason.hostname'), 'lab_{n}');
      await deploy.unfold('guestChange.reason.users');
      await deploy.button('inside.users.add').click();
      await deploy.type(deploy.field('inside.users.name'), 'Anna');
      await deploy.type(deploy.field('inside.users.keys'), '-----BEGIN OPENSSH PRIVATE KEY-----');
      await deploy.section('guestChange.reason.users').scrollIntoViewIfNeeded();
    },
  ],
  [
    'deploy-inside-proof',
    'many',
    `/deploy?template=${ID}`,
    async (pages) => {
      const { deploy, page } = pages;
      await toInside(pages);
      await deploy.unfold('proof.title');
      await page.getByRole('checkbox', { name: pages.t('proof.wish') }).check();
      await deploy.section('proof.title').scrollIntoViewIfNeeded();
      await page.locator('.scroll').evaluate((el) => el.scrollBy(0, 2000));
    },
  ],
  [
    'deploy-inside-plan',
    'many',
    `/deploy?template=${ID}`,
    async (pages) => {
      await sayInside(pages);
      await pages.deploy.fresh.check({ force: true });
      await pages.deploy.seePlan.click();
      await pages.page.locator('.scroll').evaluate((el) => el.scrollBy(0, 420));
    },
  ],
  [
    'deploy-starts',
    'many',
    `/deploy?template=${ID}`,
    async ({ deploy, page, t }) => {
      await deploy.planFile('/images/room-2.img');
      await page.getByRole('heading', { name: t('bootChain.planned') }).scrollIntoViewIfNeeded();
      await page.locator('.scroll').evaluate((el) => el.scrollBy(0, 300));
    },
  ],
  ['deploy-incomplete', 'many', `/deploy?template=${SERVER}`, ({ deploy }) => deploy.planFile('/images/room-2.img')],
  ['deploy-rules', 'many', `/deploy?template=${SHOP}`, ({ deploy }) => deploy.planDisk('/dev/sdc')],
  [
    'deploy-rules-report',
    'many',
    `/deploy?template=${SHOP}`,
    async ({ rules, deploy }) => {
      await deploy.planDisk('/dev/sdc');
      await rules.section.scrollIntoViewIfNeeded();
    },
  ],
  [
    'deploy-several-targets',
    'many',
    `/deploy?template=${ID}`,
    async ({ deploy }) => {
      await deploy.disk('/dev/sdc').check();
      await deploy.add.click();
      await deploy.chooseFile('/images/room-2.img');
      await deploy.add.click();
      await deploy.chooseFile('/images/there.img');
      await deploy.add.click();
      await deploy.disk('/dev/sdb').check();
      await deploy.target(1).click();
    },
  ],
  [
    'deploy-several-plan',
    'many',
    `/deploy?template=${ID}`,
    async ({ deploy }) => {
      await deploy.disk('/dev/sdc').check();
      await deploy.add.click();
      await deploy.chooseFile('/images/there.img');
      await deploy.add.click();
      await deploy.disk('/dev/sdb').check();
      await deploy.seeWholePlan();
    },
  ],
  [
    'deploy-several-plan-below',
    'many',
    `/deploy?template=${ID}`,
    async ({ deploy, rules }) => {
      await deploy.disk('/dev/sdc').check();
      await deploy.add.click();
      await deploy.chooseFile('/images/there.img');
      await deploy.add.click();
      await deploy.disk('/dev/sdb').check();
      await deploy.seeWholePlan();
      await rules.section.scrollIntoViewIfNeeded();
    },
  ],
  ['deploy-whole', 'many', `/deploy?template=${PAIR}`],
  ['deploy-whole-chosen', 'many', `/deploy?template=${PAIR}`, wholePair],
  [
    'deploy-whole-plan',
    'many',
    `/deploy?template=${PAIR}`,
    async (pages) => {
      await wholePair(pages);
      await pages.deploy.seeWholePlan();
    },
  ],
  [
    'deploy-whole-machines',
    'many',
    `/deploy?template=${PAIR}`,
    async (pages) => {
      await wholePair(pages);
      await pages.deploy.addMachine.click();
    },
  ],
  [
    'deploy-one-of-two',
    'many',
    `/deploy?template=${PAIR}`,
    ({ deploy }) => deploy.choose(deploy.which, /^(Disk|Disque) 2/),
  ],
  ['deploy-file', 'many', `/deploy?template=${ID}`, ({ deploy }) => deploy.planFile('/images/room-2.img')],
  ['devices', 'many', '/devices'],
  ['devices-chosen', 'many', '/devices?device=/dev/sdc'],
  ['devices-groups', 'many', '/devices?device=/dev/sde'],
  ['devices-refused', 'refused', '/devices'],
  ['devices-machines', 'many', '/devices', toMachines],
  ['devices-no-hypervisors', 'empty', '/devices', toMachines],
  ['machines', 'many', '/machines'],
  ['machines-empty', 'empty', '/machines'],
  ['machines-many', 'machines', '/machines'],
  ['machines-failed', 'noMachines', '/machines'],
  ['machines-here', 'many', '/machines?here=1'],
  ['machines-chosen', 'many', '/machines?machine=bench 7'],
  ['machines-unknown', 'many', '/machines?machine=store room server'],
  ['machines-import', 'many', '/machines?import=1'],
  [
    'machines-imported',
    'many',
    '/machines?import=1',
    ({ machines }) => machines.type(machines.path, '/media/stick/machine.json'),
  ],
  [
    'machines-import-broken',
    'many',
    '/machines?import=1',
    ({ machines }) => machines.type(machines.path, '/media/stick/broken.json'),
  ],
  ['machine-new', 'many', '/machines/form'],
  ['machine-edit', 'many', '/machines/form?edit=bench 7'],
  [
    'machine-edit-drives',
    'many',
    '/machines/form?edit=bench 7',
    ({ machines }) => machines.parts(0).evaluate((el) => el.scrollIntoView()),
  ],
  [
    'machine-edit-arrays',
    'many',
    '/machines/form?edit=bench 7',
    ({ machines }) => machines.parts(1).evaluate((el) => el.scrollIntoView()),
  ],
  [
    'machine-faults',
    'many',
    '/machines/form',
    async ({ machines }) => {
      await machines.parts(0).getByText(machines.t('machines.listed.listed'), { exact: true }).click();
      await machines.save.click();
    },
  ],
  ['policies', 'many', '/policies'],
  ['policies-ours', 'empty', '/policies'],
  [
    'policies-example',
    'many',
    '/policies',
    async ({ any, page }) => {
      await any.button('policies.example').click();
      await page.locator('.own').scrollIntoViewIfNeeded();
    },
  ],
  ['policy', 'many', '/policies/bare-metal-2020'],
  ['policy-rule', 'many', '/policies/bare-metal-2020?rule=bm2020.no-uefi'],
  ['policy-gone', 'many', '/policies/nothing'],
  ['jobs', 'many', '/jobs'],
  ['jobs-empty', 'empty', '/jobs'],
  ['job-running', 'many', `/jobs/${JOB(0)}`],
  ['job-several', 'several', `/jobs/${JOB(25)}`],
  ['job-together', 'several', `/jobs/${JOB(26)}`],
  ['job-queued', 'many', `/jobs/${JOB(2)}`],
  ['job-unpacking', 'unpacking', `/jobs/${JOB(24)}`],
  ['job-verifying', 'verifying', `/jobs/${JOB(1)}`],
  ['job-failed', 'many', `/jobs/${JOB(3)}`],
  ['job-unreadable', 'many', `/jobs/${JOB(12)}`],
  ['job-done', 'many', `/jobs/${JOB(4)}`],
  ['job-changes', 'many', `/jobs/${JOB(14)}`, ({ jobs }) => jobs.changes.first().scrollIntoViewIfNeeded()],
  [
    'job-changes-open',
    'many',
    `/jobs/${JOB(14)}`,
    async ({ jobs, page }) => {
      await jobs.change('/etc/hosts').click();
      await page.getByRole('region', { name: '/etc/hosts' }).scrollIntoViewIfNeeded();
    },
  ],
  ['job-proof', 'many', `/jobs/${JOB(15)}`],
  ['job-not-proven', 'many', `/jobs/${JOB(16)}`],
  ['job-damaged', 'many', `/jobs/${JOB(6)}`],
  ['job-incomplete', 'many', `/jobs/${JOB(9)}`],
  ['job-extracted', 'many', `/jobs/${JOB(10)}`],
  ['job-cancel', 'many', `/jobs/${JOB(0)}`, ({ jobs }) => jobs.cancel.click()],
  ['keys', 'many', '/catalog', ({ page }) => page.keyboard.press('?')],
  ['palette', 'many', '/catalog', ({ page }) => page.keyboard.press('Control+k')],
  ['settings', 'many', '/settings'],
  ['settings-prune', 'many', '/settings', ({ any }) => any.button('settings.prune').click()],
];
