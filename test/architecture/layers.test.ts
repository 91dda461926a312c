/** Proves that each lint rule about who may import whom bites, and that it bites nothing else. */
import { resolve } from 'node:path';
import { ESLint } from 'eslint';
import { beforeAll, describe, expect, test } from 'vitest';
import { JOB_KINDS, LAYERS } from '../../scripts/layers.mjs';

const root = resolve(import.meta.dirname, '../..');
let eslint: ESLint;
beforeAll(() => {
  eslint = new ESLint({ cwd: root });
});

/** @returns the specifiers whose import is reported in that file */
async function reported(filePath: string, specifiers: readonly string[]): Promise<string[]> {
  const lines = specifiers.map((specifier, i) => `import { a as a${i} } from '${specifier}';`);
  const code = filePath.endsWith('.vue') ? `<script setup lang="ts">${lines.join('\n')}\n</script>` : lines.join('\n');
  const [{ messages }] = await eslint.lintText(code, { filePath: resolve(root, filePath) });
  const fatal = messages.find((message) => message.fatal);
  if (fatal) throw new Error(fatal.message);
  return messages.filter(({ ruleId }) => ruleId === 'no-restricted-imports').map(({ line }) => specifiers[line - 1]);
}

const FACES = [
  'electron',
  'electron/main',
  'vue',
  'pinia',
  'reka-ui',
  '../../src-main/cli/main.ts',
  '../../../src-renderer/main.ts',
];

const NOT_FOR_PAGES = [
  '../../src-engine/core/struct.ts',
  '../../src-engine/host/start-engine.ts',
  'node:fs',
  'electron',
  'better-sqlite3',
  '../../src-main/browser/server.ts',
];

/** For each room a file in it, imports that must be reported, and imports that must not. */
const EXAMPLES: Record<string, { file: string; forbidden: string[]; allowed: string[] }> = {
  'src-engine/contract': {
    file: 'src-engine/contract/example.ts',
    forbidden: ['../core/struct.ts', '../host/engine.ts', 'node:fs', 'better-sqlite3', ...FACES],
    allowed: ['./errors.ts', 'zod'],
  },
  'src-engine/core': {
    file: 'src-engine/core/example.ts',
    forbidden: ['../disk/read.ts', '../store/press.ts', '../versions/regions.ts', ...FACES],
    allowed: ['../contract/errors.ts', './bounds.ts', 'node:buffer'],
  },
  'src-engine/disk': {
    file: 'src-engine/disk/example.ts',
    forbidden: ['../formats/raw/file-source.ts', '../volumes/gpt.ts', '../machines/machine.port.ts', ...FACES],
    allowed: ['../core/bounds.ts', '../contract/errors.ts', './slice.ts'],
  },
  'src-engine/formats': {
    file: 'src-engine/formats/raw/example.ts',
    forbidden: ['../../volumes/gpt.ts', '../../filesystems/recognise.ts', '../../store/press.ts', ...FACES],
    allowed: ['../../core/bounds.ts', '../../disk/read.ts', './file-sink.ts'],
  },
  'src-engine/formats/*': {
    file: 'src-engine/formats/qcow2/example.ts',
    forbidden: ['../../volumes/gpt.ts', '../raw/file-source.ts', ...FACES],
    allowed: ['../../core/bounds.ts', '../mapped-image.ts', './map.ts'],
  },
  'src-engine/volumes': {
    file: 'src-engine/volumes/example.ts',
    forbidden: [
      '../filesystems/recognise.ts',
      '../formats/raw/file-source.ts',
      '../catalog/records/index.ts',
      ...FACES,
    ],
    allowed: ['../core/bounds.ts', '../disk/read.ts', '../contract/warnings.ts'],
  },
  'src-engine/filesystems': {
    file: 'src-engine/filesystems/ext/example.ts',
    forbidden: ['../../volumes/gpt.ts', '../../store/chunking.ts', '../../jobs/capture/run.ts', ...FACES],
    allowed: ['../../core/bounds.ts', '../../disk/slice.ts', '../extents.ts', './superblock.ts'],
  },
  'src-engine/guest': {
    file: 'src-engine/guest/linux/example.ts',
    forbidden: ['../../policies/facts.ts', '../../inspection/disk-inspection.ts', '../../store/press.ts', ...FACES],
    allowed: ['../../core/bounds.ts', '../../filesystems/file-tree.port.ts', '../../volumes/layout.port.ts', 'yaml'],
  },
  'src-engine/archive': {
    file: 'src-engine/archive/example.ts',
    allowed: ['../core/engine-error.ts', '../disk/read.ts', 'node-7z'],
    forbidden: ['../formats/raw/file-source.ts', '../jobs/capture/run.ts', ...FACES],
  },
  'src-engine/nbd': {
    file: 'src-engine/nbd/example.ts',
    allowed: ['../core/struct.ts', '../disk/block-source.port.ts', 'node:net'],
    forbidden: ['../formats/raw/file-source.ts', '../store/press.ts', '../versions/template-source.ts', ...FACES],
  },
  'src-engine/boot-chain': {
    file: 'src-engine/boot-chain/example.ts',
    forbidden: [
      '../inspection/disk-inspection.ts',
      '../writers/resolve.ts',
      '../tools/run-tool.ts',
      '../store/press.ts',
      ...FACES,
    ],
    allowed: ['../guest/guest-files.ts', '../volumes/boot-code.ts', './boot-account.ts'],
  },
  'src-engine/writers': {
    file: 'src-engine/writers/ext/example.ts',
    forbidden: [
      '../../inspection/disk-inspection.ts',
      '../../store/press.ts',
      '../../machines/machine.port.ts',
      ...FACES,
    ],
    allowed: [
      '../../guest/guest-files.ts',
      '../../tools/run-tool.ts',
      '../../filesystems/names.ts',
      '../steps.port.ts',
    ],
  },
  'src-engine/tools': {
    file: 'src-engine/tools/example.ts',
    allowed: ['../core/engine-error.ts', 'node:child_process'],
    forbidden: ['../disk/read.ts', '../filesystems/recognise.ts', '../jobs/deploy/run.ts', ...FACES],
  },
  'src-engine/resizing': {
    file: 'src-engine/resizing/example.ts',
    allowed: [
      '../core/engine-error.ts',
      '../tools/run-tool.ts',
      '../filesystems/file-system.port.ts',
      'node:fs/promises',
    ],
    forbidden: ['../volumes/gpt.ts', '../store/press.ts', '../jobs/deploy/run.ts', ...FACES],
  },
  'src-engine/store': {
    file: 'src-engine/store/example.ts',
    forbidden: ['../disk/read.ts', '../filesystems/extents.ts', '../catalog/database.ts', ...FACES],
    allowed: ['../core/crc32c.ts', '../contract/errors.ts', 'node:zlib'],
  },
  'src-engine/catalog': {
    file: 'src-engine/catalog/example.ts',
    forbidden: ['../disk/read.ts', '../store/chunk-index.ts', '../host/engine.ts', ...FACES],
    allowed: ['../core/engine-error.ts', '../contract/index.ts', 'better-sqlite3'],
  },
  'src-engine/machines': {
    file: 'src-engine/machines/linux/example.ts',
    forbidden: ['../../volumes/gpt.ts', '../../store/locks.ts', '../../jobs/capture/run.ts', ...FACES],
    allowed: ['../../core/engine-error.ts', '../../disk/block-source.port.ts', '../paths.ts', 'node:fs'],
  },
  'src-engine/policies': {
    file: 'src-engine/policies/example.ts',
    allowed: ['../core/engine-error.ts', '../contract/index.ts', 'yaml'],
    forbidden: ['../machines/machine.port.ts', '../jobs/capture/run.ts', '../filesystems/recognise.ts', ...FACES],
  },
  'src-engine/report': {
    file: 'src-engine/report/example.ts',
    allowed: ['../core/bounds.ts', '../contract/report.contract.ts', '../words/en.json', 'pdfkit'],
    forbidden: ['../policies/facts.ts', '../jobs/capture/run.ts', '../host/router.ts', 'node:fs', ...FACES],
  },
  'src-engine/inspection': {
    file: 'src-engine/inspection/account/example.ts',
    forbidden: ['../../versions/regions.ts', '../../store/chunking.ts', '../../formats/open-image.ts', ...FACES],
    allowed: ['../../volumes/read-layout.ts', '../../filesystems/recognise.ts', '../../guest/inspect-guest.ts'],
  },
  'src-engine/versions': {
    file: 'src-engine/versions/example.ts',
    forbidden: ['../browsing/list-files.ts', '../images/open-source.ts', '../jobs/capture/run.ts', ...FACES],
    allowed: ['../inspection/disk-inspection.ts', '../store/chunk-index.ts', '../catalog/records.ts'],
  },
  'src-engine/identifiers': {
    file: 'src-engine/identifiers/example.ts',
    forbidden: ['../versions/template-source.ts', '../resizing/lvm.ts', '../jobs/deploy/run.ts', ...FACES],
    allowed: ['../inspection/disk-inspection.ts', '../writers/steps.port.ts', '../archive/unpack-stream.ts'],
  },
  'src-engine/browsing': {
    file: 'src-engine/browsing/example.ts',
    forbidden: ['../images/open-source.ts', '../judgement/facts.ts', '../jobs/extract/run.ts', ...FACES],
    allowed: ['../versions/template-source.ts', '../inspection/disk-inspection.ts', '../store/locks.ts'],
  },
  'src-engine/images': {
    file: 'src-engine/images/example.ts',
    forbidden: ['../store/chunking.ts', '../judgement/facts.ts', '../jobs/import/run.ts', ...FACES],
    allowed: ['../formats/open-image.ts', '../archive/unpack.ts', '../inspection/disk-inspection.ts'],
  },
  'src-engine/judgement': {
    file: 'src-engine/judgement/example.ts',
    forbidden: ['../storing/store-disk.ts', '../jobs/capture/run.ts', '../report/content.ts', ...FACES],
    allowed: ['../policies/evaluate.ts', '../images/open-source.ts', '../versions/with-manifest.ts'],
  },
  'src-engine/storing': {
    file: 'src-engine/storing/example.ts',
    forbidden: ['../judgement/facts.ts', '../images/open-source.ts', '../jobs/capture/run.ts', ...FACES],
    allowed: ['../browsing/damage.ts', '../inspection/account/account.ts', '../store/store-writer.ts'],
  },
  ...Object.fromEntries(
    JOB_KINDS.map((kind) => [
      `src-engine/jobs/${kind}`,
      {
        file: `src-engine/jobs/${kind}/example.ts`,
        forbidden: ['../../host/router.ts', kind === 'capture' ? '../import/run.ts' : '../capture/run.ts', ...FACES],
        allowed: ['./run.ts', '../engine-parts.ts', '../../storing/store-disk.ts'],
      },
    ]),
  ),
  'src-engine/jobs': {
    file: 'src-engine/jobs/example.ts',
    forbidden: ['../host/router.ts', ...FACES],
    allowed: [
      '../store/store-writer.ts',
      '../catalog/records/index.ts',
      '../volumes/read-layout.ts',
      '../machines/machine.port.ts',
    ],
  },
  'src-engine/host': {
    file: 'src-engine/host/example.ts',
    forbidden: ['../words/en.json', ...FACES],
    allowed: ['../jobs/capture/run.ts', '../store/locks.ts', '../contract/index.ts', 'node:worker_threads'],
  },
  'src-engine/words': {
    file: 'src-engine/words/example.ts',
    forbidden: ['../core/bounds.ts', 'node:fs', ...FACES],
    allowed: ['../contract/errors.ts', './formats.ts', './en.json'],
  },
  'src-main without Electron': {
    file: 'src-main/browser/example.ts',
    forbidden: [
      '../../src-engine/jobs/capture/run.ts',
      '../../src-renderer/client/format.ts',
      'vue',
      'better-sqlite3',
      'electron',
      'electron/main',
    ],
    allowed: [
      '../../src-engine/contract/index.ts',
      '../../src-engine/host/start-engine.ts',
      '../pages/policy.ts',
      '../../src-engine/words/en.json',
      'ws',
    ],
  },
  'src-main/desktop': {
    file: 'src-main/desktop/example.ts',
    forbidden: [
      '../../src-engine/jobs/capture/run.ts',
      '../../src-engine/core/bounds.ts',
      '../../src-engine/store/press.ts',
      '../../src-renderer/app/router.ts',
      'vue',
      'better-sqlite3',
    ],
    allowed: ['../../src-engine/contract/index.ts', '../../src-engine/host/start-engine.ts', 'electron', 'node:path'],
  },
  'src-renderer': {
    file: 'src-renderer/client/example.ts',
    forbidden: NOT_FOR_PAGES,
    allowed: ['../../src-engine/contract/index.ts', 'vue', 'pinia', './format.ts'],
  },
  'src-renderer/modules': {
    file: 'src-renderer/modules/deploy/example.ts',
    forbidden: [...NOT_FOR_PAGES, '../jobs/plan.ts'],
    allowed: ['../jobs/index.ts', './plan.ts', '../../client/format.ts', '../../ui/index.ts'],
  },
  'src-renderer/app': {
    file: 'src-renderer/app/example.ts',
    forbidden: [...NOT_FOR_PAGES, '../modules/jobs/plan.ts'],
    allowed: ['../modules/jobs/index.ts', '../modules/jobs/JobsPage.vue'],
  },
};

describe('who may import whom', () => {
  test.each(LAYERS.map((layer) => layer.room))('%s', { timeout: 60_000 }, async (room) => {
    const example = EXAMPLES[room];
    expect(example, `no example for the rule of ${room}: add one`).toBeDefined();
    expect(await reported(example.file, [...example.forbidden, ...example.allowed])).toEqual(example.forbidden);
  });

  test('no pattern of a rule is without an example', () => {
    for (const { room, forbidden } of LAYERS) {
      for (const pattern of forbidden) {
        const isShown = EXAMPLES[room]?.forbidden.some((specifier) => new RegExp(pattern).test(specifier));
        expect(isShown, `${room}: ${pattern}`).toBe(true);
      }
    }
  });

  test('pages are held by the same rule as the scripts beside them', { timeout: 60_000 }, async () => {
    expect(await reported('src-renderer/app/Example.vue', ['vue', 'node:fs', 'electron'])).toEqual([
      'node:fs',
      'electron',
    ]);
  });
});

describe('one listener to pages', () => {
  const WAYS = [
    `import { ipcMain } from 'electron'; ipcMain.on('x', () => {});`,
    `import { ipcMain as other } from 'electron'; other.on('x', () => {});`,
    `import electron from 'electron'; electron.ipcMain.on('x', () => {});`,
    `import * as electron from 'electron'; const { ipcMain: other } = electron; other.on('x', () => {});`,
  ];

  async function isReported(code: string, filePath: string): Promise<boolean> {
    const [{ messages }] = await eslint.lintText(code, { filePath: resolve(root, filePath) });
    return messages.some(({ ruleId }) => ruleId === 'no-restricted-syntax');
  }

  test.each(WAYS)('%s', async (code) => {
    expect(await isReported(code, 'src-main/desktop/example.ts')).toBe(true);
    expect(await isReported(code, 'src-main/browser/example.ts')).toBe(true);
    expect(await isReported(code, 'src-main/desktop/page-messages.ts')).toBe(false);
  });

  test('the rest of Electron is free', async () => {
    expect(await isReported(`import { app } from 'electron'; app.quit();`, 'src-main/desktop/example.ts')).toBe(false);
  });
});

test.each(['src-engine/core/example.ts', 'src-main/cli/example.ts', 'src-renderer/app/example.ts'])(
  'what is imported is said at the top: %s',
  async (filePath) => {
    const [{ messages }] = await eslint.lintText(`export const later = () => import('./a.ts');`, {
      filePath: resolve(root, filePath),
    });
    expect(messages.some(({ ruleId }) => ruleId === 'no-restricted-syntax')).toBe(true);
  },
);
