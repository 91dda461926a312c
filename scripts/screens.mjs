/**
 * Takes pictures of every page and state, with made-up data, into test-results/screens: `npm run screens [-- PATTERN]`, as in `960-light-en/(import|capture)`.
 * They are for looking at, not for comparing.
 */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { chromium } from '@playwright/test';
import { build, preview } from 'vite';

const root = resolve(import.meta.dirname, '..');
const pages = resolve(root, 'test/screens/app');
const app = resolve(root, 'test-results/screens-app');
const out = resolve(root, 'test-results/screens');
const filter = new RegExp(process.argv[2] ?? '');
const executablePath = process.env.CHROMIUM_PATH ?? (existsSync('/usr/bin/chromium') ? '/usr/bin/chromium' : undefined);

const { renderer } = (await import('../electron.vite.config.ts')).default;
await build({
  ...renderer,
  root: pages,
  publicDir: resolve(renderer.root, 'public'),
  configFile: false,
  logLevel: 'warn',
  build: {
    ...renderer.build,
    outDir: app,
    chunkSizeWarningLimit: 2000,
    rollupOptions: { input: resolve(pages, 'index.html') },
  },
});
const server = await preview({ configFile: false, build: { outDir: app }, preview: { port: 0, host: '127.0.0.1' } });
const address = server.resolvedUrls.local[0];

const ID = '00000000-0000-4000-8000-000000000001';
const SERVER = '00000000-0000-4000-8000-000000000006';
const DAMAGED = '00000000-0000-4000-8000-000000000004';
const JOB = (n) => `00000000-0000-4000-8000-${(10_000 + n).toString(16).padStart(12, '0')}`;
const next = (page) => page.locator('.foot button').last().click();
const pick = (page, path) => page.locator(`input[type=radio][value="${path}"]`).check();

async function captureTo(page, step) {
  await pick(page, '/dev/sda');
  if (step === 'source') return;
  await next(page);
  await page.locator('form, .form').first().waitFor();
  if (step === 'metal') {
    await choose(page, '.choice', 0, 2);
    await choose(page, '.choice', 2, 2);
  }
  if (step !== 'name') await next(page);
}

/** Opens a select of several and takes one of its options. */
async function choose(page, group, select, option) {
  await page.locator(`${group} button.trigger`).nth(select).click();
  await page.locator('[role=option]').nth(option).click();
  await page.waitForTimeout(100);
}

async function deployTo(page, target, step) {
  if (target.startsWith('/dev/')) await pick(page, target);
  else {
    await page.locator('.segmented label').nth(1).click();
    await page.locator('.path input').fill(target);
    await page.locator('.path input').blur();
  }
  await page.waitForTimeout(150);
  if (step === 'plan') await next(page);
}

const ISO = '00000000-0000-4000-8000-000000000007';
const OWN = '00000000-0000-4000-8000-000000000008';
const SHOP = '00000000-0000-4000-8000-000000000009';
const NODE = '00000000-0000-4000-8000-00000000000a';
const IMAGES = '/home/lab/images';

/** Drags made-up files over the window, or drops them, as a browser that tells no paths. */
const drop = (page, names, type = 'drop') =>
  page.evaluate(
    ([files, event]) => {
      const dataTransfer = new DataTransfer();
      for (const name of files) dataTransfer.items.add(new File([], name));
      document.body.dispatchEvent(new DragEvent(event, { dataTransfer, bubbles: true, cancelable: true }));
    },
    [names, type],
  );

async function queue(page) {
  for (const name of ['kiosk.qcow2', 'station.ova', 'old-office', 'locked.7z', 'broken.vmdk']) {
    await page.locator('.path input').first().fill(`${IMAGES}/${name}`);
    await page.locator('.path input').first().blur();
  }
}

async function exportTo(page, folder, step) {
  await next(page);
  await page.locator('.path input').fill(folder);
  await page.locator('.path input').blur();
  if (step === 'plan') await next(page);
  else await page.locator('input[type=password]').first().fill('correct horse');
}

async function importProfile(page, path) {
  await page.locator('.import .path input').fill(path);
  await page.locator('.import .path input').blur();
}

const FILES = `/templates/${ID}?tab=files&volume=2`;
const STUDENT = `${FILES}&path=/home/student`;
/** Shows a file beside the list, as a click does. */
const show = (name) => (page) => page.getByRole('row').filter({ hasText: name }).first().click();

/** [name, scene, address, what to do there] */
const STATES = [
  ['home', 'many', '/'],
  ['home-empty', 'empty', '/'],
  ['home-quiet', 'quiet', '/'],
  ['home-lost', 'lost', '/', (page) => page.waitForTimeout(500)],
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
    async (page) => {
      for (const n of [1, 2, 3]) await page.locator('input[type=checkbox]').nth(n).check();
    },
  ],
  ['catalog-menu', 'many', '/catalog', (page) => page.locator('.bar button.button').first().click()],
  ['template', 'many', `/templates/${ID}`],
  ['template-damaged', 'many', `/templates/${DAMAGED}`],
  ['template-disks', 'many', `/templates/${DAMAGED}?tab=disks`],
  [
    'template-account',
    'many',
    `/templates/${SERVER}?tab=disks`,
    async (page) => {
      await page.locator('.account summary').click();
      await page.locator('.account').evaluate((el) => el.scrollIntoView());
    },
  ],
  [
    'template-damage',
    'many',
    `/templates/${SERVER}?tab=checks`,
    async (page) => {
      await page.locator('.damage summary').click();
      await page.locator('.damage').evaluate((el) => el.scrollIntoView());
    },
  ],
  ['template-checks', 'many', `/templates/${DAMAGED}?tab=checks`],
  ['template-history', 'many', `/templates/${ID}?tab=history`],
  ['template-edit', 'many', `/templates/${ID}`, (page) => page.locator('.actions button').nth(2).click()],
  ['template-map', 'many', `/templates/${ID}`, (page) => page.locator('.map .segment').nth(1).hover()],
  ['template-server', 'many', `/templates/${SERVER}`],
  ['template-server-disks', 'many', `/templates/${SERVER}?tab=disks`],
  ['template-server-map', 'many', `/templates/${SERVER}`, (page) => page.locator('.map .segment').nth(2).hover()],
  ['template-incomplete', 'many', `/templates/${SERVER}?tab=checks`],
  ['files-volumes', 'many', `/templates/${ID}?tab=files`],
  ['files-locked', 'locked', `/templates/${ID}?tab=files`],
  ['files-root', 'many', FILES],
  ['files-text', 'many', `${FILES}&path=/etc`, show('fstab')],
  ['files-utf16', 'many', `${FILES}&path=/etc`, show('registry-export')],
  ['files-devices', 'many', `${FILES}&path=/dev`, show('sda')],
  ['files-log', 'many', STUDENT, show('boot.log')],
  ['files-picture', 'many', STUDENT, show('panorama')],
  ['files-bytes', 'many', STUDENT, show('invoice')],
  ['files-folder', 'many', STUDENT, show('measurements')],
  ['files-empty', 'many', `${STUDENT}/empty`],
  [
    'files-many',
    'many',
    `${STUDENT}/measurements`,
    (page) => page.locator('.column').evaluate((el) => el.scrollBy(0, 9_000)),
  ],
  ['files-deep', 'many', `${STUDENT}/projects/2025/sensor board/firmware/src/drivers/adc.c`],
  ['files-damaged', 'many', `${STUDENT}/damaged`],
  ['files-gone', 'many', `${STUDENT}/nothing`],
  ['files-typing', 'many', STUDENT, (page) => page.locator('.way .type').click()],
  ['files-saving', 'saving', STUDENT],
  ['files-save', 'many', STUDENT, (page) => page.locator('.bar > button.button').first().click()],
  ['compare', 'many', `/templates/${ID}/compare?before=1&after=3`],
  ['compare-few', 'few', `/templates/${ID}/compare?before=2&after=3`],
  ['compare-equal', 'equal', `/templates/${ID}/compare?before=2&after=3`],
  ['compare-running', 'comparing', `/templates/${ID}/compare?before=1&after=3`],
  ['compare-same', 'many', `/templates/${ID}/compare?before=3&after=3`],
  ['template-gone', 'many', '/templates/nothing'],
  ['capture', 'many', '/capture'],
  ['capture-source', 'many', '/capture', (page) => captureTo(page, 'source')],
  ['capture-name', 'many', '/capture', (page) => captureTo(page, 'name')],
  ['capture-plan', 'many', '/capture', (page) => captureTo(page, 'plan')],
  ['capture-hibernated', 'hibernated', '/capture', (page) => captureTo(page, 'plan')],
  ['capture-outside', 'outside', '/capture', (page) => captureTo(page, 'plan')],
  [
    'capture-outside-places',
    'outside',
    '/capture',
    async (page) => {
      await captureTo(page, 'plan');
      await page.locator('.account summary').click();
    },
  ],
  ['capture-blocked', 'blocked', '/capture', (page) => captureTo(page, 'plan')],
  ['capture-lab', 'many', '/capture', (page) => captureTo(page, 'plan')],
  ['capture-rules', 'many', '/capture', (page) => captureTo(page, 'metal')],
  [
    'capture-rules-open',
    'many',
    '/capture',
    async (page) => {
      await captureTo(page, 'plan');
      for (const fold of await page.locator('.fold').all()) await fold.click();
      await page.locator('.rules').scrollIntoViewIfNeeded();
    },
  ],
  [
    'capture-rules-blocked',
    'many',
    '/capture',
    async (page) => {
      await captureTo(page, 'metal');
      await page.locator('.line.block').nth(1).scrollIntoViewIfNeeded();
    },
  ],
  [
    'capture-rules-taken',
    'many',
    '/capture',
    async (page) => {
      await captureTo(page, 'metal');
      await page.locator('.take input').check();
      await page.locator('.take input').scrollIntoViewIfNeeded();
    },
  ],
  [
    'capture-overridden',
    'hibernated',
    '/capture',
    async (page) => {
      await captureTo(page, 'plan');
      await page.locator('.override input').first().check();
    },
  ],
  [
    'capture-groups',
    'many',
    '/capture',
    async (page) => {
      await pick(page, '/dev/sde');
      await next(page);
      await page.locator('.unreadable label').nth(1).click();
    },
  ],
  ['capture-file', 'many', '/capture?source=/opt/diskpress/resources/sample.img'],
  [
    'capture-picker',
    'many',
    '/capture',
    async (page) => {
      await page.locator('.segmented label').nth(1).click();
      await page.locator('.path button').click();
    },
  ],
  ['import', 'empty', '/import'],
  ['import-looking', 'importing', '/import?path=/images/slow.img'],
  ['import-recognised', 'importing', `/import?path=${IMAGES}/kiosk.qcow2`],
  ['import-about', 'importing', `/import?path=${IMAGES}/kiosk.qcow2`, next],
  [
    'import-plan',
    'importing',
    `/import?path=${IMAGES}/station.ova`,
    async (page) => {
      await next(page);
      await page.locator('.form input[maxlength="200"]').fill('Ubuntu 22.04');
      await next(page);
    },
  ],
  ['import-password', 'importing', `/import?path=${IMAGES}/locked.7z`],
  [
    'import-password-wrong',
    'importing',
    `/import?path=${IMAGES}/locked.7z`,
    async (page) => {
      await page.locator('input[type=password]').fill('wrong');
      await page.locator('form.password button').click();
    },
  ],
  ['import-entries', 'importing', `/import?path=${IMAGES}/exam-room.zip`],
  [
    'import-entry-chosen',
    'importing',
    `/import?path=${IMAGES}/exam-room.zip`,
    (page) => page.locator('input[type=radio]').first().check(),
  ],
  ['import-two-formats', 'importing', `/import?path=${IMAGES}/two-formats.img`],
  ['import-unknown', 'importing', `/import?path=${IMAGES}/unknown.img`],
  ['import-iso', 'importing', `/import?path=${IMAGES}/debian-12.iso`],
  ['import-failed', 'importing', `/import?path=${IMAGES}/broken.vmdk`],
  ['import-over', 'importing', '/catalog', (page) => drop(page, ['kiosk.qcow2'], 'dragenter')],
  ['import-where', 'importing', '/catalog', (page) => drop(page, ['kiosk.qcow2', 'station.ova'])],
  ['import-queue', 'importing', '/import', (page) => queue(page)],
  [
    'import-queue-running',
    'importing',
    '/import',
    async (page) => {
      await queue(page);
      await page.locator('.all button').click();
    },
  ],
  ['import-picker', 'importing', '/import', (page) => page.locator('.path button').click()],
  ['catalog-imports', 'importing', '/catalog'],
  ['catalog-imports-cards', 'importing', '/catalog?view=cards'],
  ['job-import-failed', 'importing', `/jobs/${JOB(23)}`],
  ['export', 'many', `/templates/${ID}/export`],
  ['export-file', 'many', `/templates/${ID}/export`, (page) => exportTo(page, '/images', 'file')],
  ['export-plan', 'many', `/templates/${ID}/export`, (page) => exportTo(page, '/images', 'plan')],
  ['export-overwrite', 'many', `/templates/${ID}/export`, (page) => exportTo(page, '/images/there', 'plan')],
  ['export-blocked', 'many', `/templates/${ID}/export`, (page) => exportTo(page, '/images/full', 'plan')],
  ['template-configuration', 'many', `/templates/${OWN}?tab=configuration`],
  ['template-guest', 'many', `/templates/${NODE}?tab=configuration`],
  ['template-rules', 'many', `/templates/${SHOP}?tab=rules`],
  [
    'template-rules-metal',
    'many',
    `/templates/${NODE}?tab=rules`,
    async (page) => {
      await choose(page, '.choice', 2, 2);
      await page.locator('.line.block').nth(1).scrollIntoViewIfNeeded();
    },
  ],
  [
    'template-rules-save',
    'many',
    `/templates/${NODE}?tab=rules`,
    (page) => page.locator('.save button').first().click(),
  ],
  ['template-licence', 'many', `/templates/${OWN}`, (page) => page.locator('.actions button').nth(2).click()],
  ['template-iso', 'many', `/templates/${ISO}?tab=configuration`],
  ['deploy-iso', 'many', `/deploy?template=${ISO}`],
  ['deploy', 'many', '/deploy'],
  ['deploy-target', 'many', `/deploy?template=${ID}`],
  ['deploy-target-chosen', 'many', `/deploy?template=${ID}`, (page) => deployTo(page, '/dev/sdc', 'target')],
  ['deploy-confirm', 'many', `/deploy?template=${ID}`, (page) => deployTo(page, '/dev/sdc', 'plan')],
  ['deploy-incomplete', 'many', `/deploy?template=${SERVER}`, (page) => deployTo(page, '/images/room-2.img', 'plan')],
  ['deploy-rules', 'many', `/deploy?template=${SHOP}`, (page) => deployTo(page, '/dev/sdc', 'plan')],
  [
    'deploy-rules-report',
    'many',
    `/deploy?template=${SHOP}`,
    async (page) => {
      await deployTo(page, '/dev/sdc', 'plan');
      await page.locator('.rules').scrollIntoViewIfNeeded();
    },
  ],
  ['deploy-file', 'many', `/deploy?template=${ID}`, (page) => deployTo(page, '/images/room-2.img', 'plan')],
  ['devices', 'many', '/devices'],
  ['devices-chosen', 'many', '/devices?device=/dev/sdc'],
  ['devices-groups', 'many', '/devices?device=/dev/sde'],
  ['devices-refused', 'refused', '/devices'],
  ['machines', 'many', '/machines'],
  ['machines-empty', 'empty', '/machines'],
  ['machines-many', 'machines', '/machines'],
  ['machines-failed', 'noMachines', '/machines'],
  ['machines-here', 'many', '/machines?here=1'],
  ['machines-chosen', 'many', '/machines?machine=bench 7'],
  ['machines-unknown', 'many', '/machines?machine=store room server'],
  ['machines-import', 'many', '/machines?import=1'],
  ['machines-imported', 'many', '/machines?import=1', (page) => importProfile(page, '/media/stick/machine.json')],
  ['machines-import-broken', 'many', '/machines?import=1', (page) => importProfile(page, '/media/stick/broken.json')],
  ['machine-new', 'many', '/machines/form'],
  ['machine-edit', 'many', '/machines/form?edit=bench 7'],
  [
    'machine-edit-drives',
    'many',
    '/machines/form?edit=bench 7',
    (page) =>
      page
        .locator('.parts')
        .nth(0)
        .evaluate((el) => el.scrollIntoView()),
  ],
  [
    'machine-edit-arrays',
    'many',
    '/machines/form?edit=bench 7',
    (page) =>
      page
        .locator('.parts')
        .nth(1)
        .evaluate((el) => el.scrollIntoView()),
  ],
  [
    'machine-faults',
    'many',
    '/machines/form',
    async (page) => {
      await page.locator('.parts').nth(0).locator('.segmented label').nth(2).click();
      await page.locator('.foot button').click();
    },
  ],
  ['policies', 'many', '/policies'],
  ['policies-ours', 'empty', '/policies'],
  [
    'policies-example',
    'many',
    '/policies',
    async (page) => {
      await page.locator('.own .fold').click();
      await page.locator('.own').scrollIntoViewIfNeeded();
    },
  ],
  ['policy', 'many', '/policies/bare-metal-2020'],
  ['policy-rule', 'many', '/policies/bare-metal-2020?rule=bm2020.no-uefi'],
  ['policy-gone', 'many', '/policies/nothing'],
  ['jobs', 'many', '/jobs'],
  ['jobs-empty', 'empty', '/jobs'],
  ['job-running', 'many', `/jobs/${JOB(0)}`],
  ['job-verifying', 'many', `/jobs/${JOB(1)}`],
  ['job-failed', 'many', `/jobs/${JOB(3)}`],
  ['job-unreadable', 'many', `/jobs/${JOB(12)}`],
  ['job-done', 'many', `/jobs/${JOB(4)}`],
  ['job-damaged', 'many', `/jobs/${JOB(6)}`],
  ['job-incomplete', 'many', `/jobs/${JOB(9)}`],
  ['job-extracted', 'many', `/jobs/${JOB(10)}`],
  ['job-cancel', 'many', `/jobs/${JOB(0)}`, (page) => page.locator('.panel footer button').first().click()],
  ['settings', 'many', '/settings'],
  ['settings-prune', 'many', '/settings', (page) => page.locator('.task button').nth(1).click()],
];

const LOOKS = [
  { name: '960-light-en', width: 960, height: 600, theme: 'light', lang: 'en' },
  { name: '1600-light-en', width: 1600, height: 1000, theme: 'light', lang: 'en' },
  { name: '1280-dark-fr', width: 1280, height: 800, theme: 'dark', lang: 'fr' },
  { name: '960-dark-fr', width: 960, height: 600, theme: 'dark', lang: 'fr' },
  { name: '480-light-fr', width: 480, height: 300, theme: 'light', lang: 'fr', scale: 2 },
];

await rm(out, { recursive: true, force: true });
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
let taken = 0;
const complaints = new Set();
for (const look of LOOKS) {
  await mkdir(resolve(out, look.name), { recursive: true });
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    deviceScaleFactor: look.scale ?? 1,
    reducedMotion: 'reduce',
  });
  for (const [name, scene, hash, act] of STATES) {
    if (!filter.test(`${look.name}/${name}`)) continue;
    const page = await context.newPage();
    page.on('console', (message) => message.type() === 'error' && complaints.add(`${name}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.add(`${name}: ${error.message}`));
    await page.goto(`${address}?scene=${scene}&theme=${look.theme}&lang=${look.lang}#${hash}`);
    await page.locator('h1').first().waitFor();
    await page.waitForTimeout(120);
    try {
      await act?.(page);
    } catch (error) {
      complaints.add(`${look.name}/${name}: ${error.message.split('\n')[0]}`);
    }
    await page.waitForTimeout(120);
    await page.screenshot({ path: resolve(out, look.name, `${name}.png`) });
    await page.close();
    taken++;
  }
  await context.close();
}
await browser.close();
await server.close();
await rm(app, { recursive: true, force: true });
for (const complaint of complaints) console.error(complaint);
console.log(`${taken} pictures in test-results/screens`);
process.exitCode = complaints.size ? 1 : 0;
