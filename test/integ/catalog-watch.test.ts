/** An engine that stays hears what others do to its catalog, and of its going and coming back. */
import { cpSync, renameSync, rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { makeNoiseDisk } from '../support/disks.ts';
import { openEngine, resultOf } from '../support/engine.ts';
import { MIB, workbench } from '../support/workbench.ts';

const bench = workbench();
const catalog = bench.path('catalog');

test('what another process changes, and a catalog that is away and comes back, are told by themselves', async () => {
  const engine = await openEngine(catalog, { stays: true });
  const other = await openEngine(catalog);
  let told = 0;
  let wake = () => {};
  engine.client.subscribe('catalog', () => (told++, wake()));
  const nextTold = async (act: () => unknown) => {
    const heard = new Promise<void>((resolve) => (wake = resolve));
    await act();
    await heard;
  };
  /** One change may be told twice: what comes next is told of the next one. */
  const quiet = async () => {
    for (let before = -1; before !== told; await new Promise((resolve) => setTimeout(resolve, 1500))) before = told;
  };
  const names = async () => (await engine.client.call('template.list', {})).map(({ name }) => name);
  try {
    await nextTold(async () => resultOf(await other.capture(makeNoiseDisk(bench, 'one.img', MIB / 4), 'One')));
    expect(await names()).toEqual(['One']);
    await nextTold(() => other.client.call('template.edit', { template: 'One', name: 'Renamed' }));
    expect(await names()).toEqual(['Renamed']);
    // what was seen before that is not so any more
    const late = { template: 'Renamed', name: 'Mine', note: 'mine', seen: { name: 'One', note: '' } };
    await expect(engine.client.call('template.edit', late)).rejects.toMatchObject({
      view: { code: 'TEMPLATE_CHANGED', data: { template: 'Renamed', fields: ['name'] } },
    });
    const { note } = await engine.client.call('template.show', { template: 'Renamed' });
    expect(note).toBe('');
    await other.close();
    await quiet();

    await nextTold(() => renameSync(catalog, bench.path('away')));
    await expect(names()).rejects.toMatchObject({ view: { code: 'CATALOG_NOT_FOUND', data: { reason: 'gone' } } });
    // as other files: what is open belongs to those that are gone
    cpSync(bench.path('away'), bench.path('copy'), { recursive: true });
    rmSync(bench.path('away'), { recursive: true });
    await nextTold(() => renameSync(bench.path('copy'), catalog));
    expect(await names()).toEqual(['Renamed']);
    resultOf(await engine.verify());
    await engine.client.call('template.edit', { template: 'Renamed', note: 'written again' });
    await quiet();
  } finally {
    await engine.close();
  }
});
