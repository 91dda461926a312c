/** What a job owed whose process is gone is done by the next engine of the catalog; what cannot be done is told and kept. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openEngineThread, refusal } from '../../support/engine.ts';
import { defineMachine, startLibvirt, virsh } from '../../support/libvirt.ts';
import { canLoop, run, workbench } from '../../support/workbench.ts';

const NAME = 'diskpress-owed';
const SOURCES = new URL('../../../src-engine/', import.meta.url);

describe.skipIf(!canLoop)('a pledge', () => {
  const bench = workbench();
  const catalog = bench.path('catalog');
  let id = '';

  beforeAll(() => {
    startLibvirt();
    defineMachine(bench, NAME, '');
    id = virsh('domuuid', `--domain=${NAME}`).trim();
  });

  /** Given by a process that ended without keeping it. */
  const giveAndDie = (pledge: object) =>
    run(
      process.execPath,
      '--input-type=module',
      '--eval',
      `import { PledgeBook } from '${new URL('jobs/pledge-book.ts', SOURCES).href}';
       import { storeLayout } from '${new URL('store/store-layout.ts', SOURCES).href}';
       const book = new PledgeBook(storeLayout('${catalog}'), { own: () => '', isHeld: () => true });
       console.log(await book.give(${JSON.stringify(pledge)}));`,
    );
  const isRunning = () => virsh('domstate', `--domain=${NAME}`).trim() === 'running';

  test('of a dead process is kept: the machine runs again', async () => {
    await (await openEngineThread(catalog)).close();
    giveAndDie({ kind: 'start-machine', place: `libvirt:${NAME}`, id });
    const engine = await openEngineThread(catalog);
    expect(await engine.client.call('pledge.list', {})).toEqual([]);
    expect(isRunning()).toBe(true);
    expect((await engine.client.call('log.list', { limit: 1 }))[0]).toMatchObject({
      action: 'pledge.kept',
      subject: `libvirt:${NAME}`,
    });
    await engine.close();
  });

  test('is kept although the machine runs already, and by an engine that closes at once', async () => {
    giveAndDie({ kind: 'start-machine', place: `libvirt:${NAME}`, id });
    await (await openEngineThread(catalog)).close();
    expect(readdirSync(join(catalog, 'pledges'))).toEqual([]);
    virsh('destroy', `--domain=${NAME}`);
  });

  test('that cannot be kept says why, stays, and can be dropped', async () => {
    giveAndDie({ kind: 'start-machine', place: 'libvirt:diskpress-nowhere', id: randomUUID() });
    const engine = await openEngineThread(catalog);
    const [owed] = await engine.client.call('pledge.list', {});
    expect(owed).toMatchObject({
      kind: 'start-machine',
      place: 'libvirt:diskpress-nowhere',
      error: { code: 'TOOL_FAILED' },
    });
    expect(await refusal(engine.client.call('pledge.keep', { id: owed.id }))).toMatchObject({ code: 'TOOL_FAILED' });
    await engine.client.call('pledge.drop', { id: owed.id });
    expect(await engine.client.call('pledge.list', {})).toEqual([]);
    expect(await refusal(engine.client.call('pledge.drop', { id: owed.id }))).toMatchObject({ code: 'NOT_FOUND' });
    await engine.close();
  });

  test('that takes long to keep is told after some seconds, and can be dropped: nothing of it happens afterwards', async () => {
    const tools = bench.path('slow');
    mkdirSync(tools);
    writeFileSync(join(tools, 'virsh'), `#!/bin/sh\nsleep 15\nexec ${run('which', 'virsh').trim()} "$@"\n`, {
      mode: 0o755,
    });
    giveAndDie({ kind: 'start-machine', place: `libvirt:${NAME}`, id });
    const before = process.env.PATH;
    process.env.PATH = `${tools}:${before}`;
    const engine = await openEngineThread(catalog);
    try {
      const [owed] = await engine.client.call('pledge.list', {});
      expect(owed).toMatchObject({ kind: 'start-machine', error: null });
      await engine.client.call('pledge.drop', { id: owed.id });
      expect(await engine.client.call('pledge.list', {})).toEqual([]);
    } finally {
      process.env.PATH = before;
      await engine.close();
    }
    expect(isRunning()).toBe(false);
  });

  test('of a process that lives is its own; what is no pledge hides nothing; a later Diskpress knows its own', async () => {
    const { PledgeBook } = await import('../../../src-engine/jobs/pledge-book.ts');
    const { storeLayout } = await import('../../../src-engine/store/store-layout.ts');
    const book = new PledgeBook(storeLayout(catalog), { own: () => '', isHeld: () => true });
    const own = await book.give({ kind: 'start-machine', place: `libvirt:${NAME}`, id });
    giveAndDie({ kind: 'feed-the-cat', place: 'home' });
    mkdirSync(join(catalog, 'pledges', `${randomUUID()}.json`));
    writeFileSync(join(catalog, 'pledges', `${randomUUID()}.json`), '{"id":1}');
    const engine = await openEngineThread(catalog);
    expect(await engine.client.call('pledge.list', {})).toMatchObject([
      { kind: 'unknown', place: 'home', error: { code: 'PLEDGE_UNKNOWN' } },
    ]);
    expect(isRunning()).toBe(false);
    await book.kept(own);
    await engine.close();
  });
});
