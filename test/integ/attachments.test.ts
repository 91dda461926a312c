/** What is added to a version after its capture stays with it: through repairs, packages and prunes, and never counts as one of its disks. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { MAX_ATTACHMENT_BYTES } from '../../src-engine/contract/template.contract.ts';
import { addAttachment, readAttachment } from '../../src-engine/versions/attachments.ts';
import type { EngineParts } from '../../src-engine/jobs/engine-parts.ts';
import { openCatalog } from '../support/catalog-handle.ts';
import { makeNoiseDisk, noise } from '../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { exportTo, importFrom } from '../support/transfer.ts';
import { MIB, workbench } from '../support/workbench.ts';

const bench = workbench();
const catalog = bench.path('catalog');
const picture = noise('a picture', 300_000);
const text = Buffer.from('login:');

/** Does something with the catalog's parts, which nobody else has open meanwhile. */
async function withParts<T>(root: string, work: (parts: EngineParts) => Promise<T>): Promise<T> {
  const handle = openCatalog(root);
  try {
    return await work(handle.make());
  } finally {
    handle.close();
  }
}

async function withEngine<T>(root: string, work: (engine: TestEngine) => Promise<T>): Promise<T> {
  const engine = await openEngine(root);
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}

const filesIn = (root: string) => readdirSync(join(root, 'manifests')).filter((name) => name.endsWith('.dpa'));
const attachmentsOf = async ({ client }: TestEngine, template: string) =>
  (await client.call('template.show', { template })).versions[0].attachments;

async function expectBoth(root: string): Promise<void> {
  const listed = await withEngine(root, (engine) => attachmentsOf(engine, 'base'));
  expect(listed).toMatchObject([
    { name: 'boot.png', mediaType: 'image/png', lengthBytes: picture.length },
    { name: 'console.txt', mediaType: 'text/plain', lengthBytes: text.length },
  ]);
  await withParts(root, async (parts) => {
    const contents = [];
    for (const { id } of listed) contents.push(await readAttachment(parts, 'base', id));
    expect(contents.map((content) => createHash('sha256').update(content).digest('hex'))).toEqual(
      [picture, text].map((content) => createHash('sha256').update(content).digest('hex')),
    );
  });
}

describe('attachments', () => {
  afterAll(() => rmSync(catalog, { recursive: true, force: true }));

  test('are added, listed and read', async () => {
    const source = makeNoiseDisk(bench, 'source.img', MIB);
    await withEngine(catalog, async (engine) => resultOf(await engine.capture(source, 'base')));
    await withParts(catalog, async (parts) => {
      await addAttachment(parts, 'base', { name: 'boot.png', mediaType: 'image/png', content: picture });
      await addAttachment(parts, 'base@1', { name: 'console.txt', mediaType: 'text/plain', content: text });
    });
    await expectBoth(catalog);
  });

  test('that are too large, or called what nothing may be called, are refused, and nothing is left of them', async () => {
    await withParts(catalog, async (parts) => {
      const add = (name: string, mediaType: string, content: Uint8Array) =>
        addAttachment(parts, 'base', { name, mediaType, content }).then(
          () => 'added',
          ({ code }: { code: string }) => code,
        );
      const large = new Uint8Array(MAX_ATTACHMENT_BYTES + 1);
      expect(await add('large', 'text/plain', large)).toBe('ATTACHMENT_TOO_LARGE');
      expect(await add('../up', 'text/plain', text)).toBe('BAD_REQUEST');
      expect(await add('typed', 'no type', text)).toBe('BAD_REQUEST');
      const whole = large.subarray(1);
      for (let i = 0; i < 3; i++) expect(await add(`whole ${i}`, 'text/plain', whole)).toBe('added');
      expect(await add('one more', 'text/plain', whole)).toBe('ATTACHMENT_TOO_LARGE');
    });
    expect(filesIn(catalog)).toHaveLength(5);
    // those three go with the version that they were added to
    rmSync(catalog, { recursive: true });
    const source = bench.path('source.img');
    await withEngine(catalog, async (engine) => resultOf(await engine.capture(source, 'base')));
    await withParts(catalog, async (parts) => {
      await addAttachment(parts, 'base', { name: 'boot.png', mediaType: 'image/png', content: picture });
      await addAttachment(parts, 'base@1', { name: 'console.txt', mediaType: 'text/plain', content: text });
    });
  });

  test('are kept by a prune and a verify, and go along in a package', async () => {
    const there = bench.path('there');
    await withEngine(catalog, async (engine) => {
      resultOf(await engine.verify());
      const pruned = await engine.prune();
      resultOf(pruned);
      expect(pruned.warnings).toEqual([]);
      resultOf((await exportTo(engine, 'base', 'package', bench.path('base.7z'))).job);
    });
    await expectBoth(catalog);
    await withEngine(there, async (engine) => resultOf(await importFrom(engine, bench.path('base.7z'), 'base')));
    await expectBoth(there);
    expect(filesIn(there).some((name) => filesIn(catalog).includes(name))).toBe(false);
  });

  test('come back from their files where the database is lost', async () => {
    rmSync(join(catalog, 'catalog.db'));
    await withEngine(catalog, async (engine) => resultOf(await engine.repair()));
    await expectBoth(catalog);
  });

  test('that are damaged are told, and harm no disk', async () => {
    const [{ id }] = await withEngine(catalog, (engine) => attachmentsOf(engine, 'base'));
    const path = join(catalog, 'manifests', `${id}.dpa`);
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(path, bytes);
    await withEngine(catalog, async (engine) => {
      const verified = await engine.verify();
      resultOf(verified);
      expect(verified.warnings.map(({ code }) => code)).toEqual(['ATTACHMENT_DAMAGED']);
      resultOf(await engine.deploy('base', bench.path('deployed.img')));
    });
    await withParts(catalog, async (parts) => {
      await expect(readAttachment(parts, 'base', id)).rejects.toMatchObject({ code: 'ATTACHMENT_DAMAGED' });
    });
  });

  test('are gone with their version', async () => {
    await withEngine(catalog, async (engine) => {
      await engine.client.call('template.delete', { template: 'base' });
      resultOf(await engine.prune());
    });
    expect(readdirSync(join(catalog, 'manifests'))).toEqual([]);
  });
});
