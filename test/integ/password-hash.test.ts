/** A password is hashed by the engine as crypt(3) does, and is neither kept nor logged. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { UserSettingSchema } from '../../src-engine/contract/deploy.contract.ts';
import { openEngine, refusal } from '../support/engine.ts';
import { runWithInput, workbench } from '../support/workbench.ts';

const bench = workbench();
const PASSWORD = 'Unmistakable-9c1e€';

test('the hash is one that the guest’s own function makes of the password', async () => {
  const catalog = bench.path('catalog');
  const engine = await openEngine(catalog);
  try {
    const { hash } = await engine.client.call('password.hash', { password: PASSWORD });
    expect(UserSettingSchema.parse({ name: 'x', passwordHash: hash }).passwordHash).toBe(hash);
    expect(runWithInput(PASSWORD, 'perl', '-e', 'print crypt(<STDIN>, $ARGV[0])', hash)).toBe(hash);
    for (const password of ['', 'two\nlines', 'x'.repeat(2000)]) {
      expect((await refusal(engine.client.call('password.hash', { password }))).code).toBe('BAD_REQUEST');
    }
  } finally {
    await engine.close();
  }
  const files = readdirSync(catalog, { recursive: true, encoding: 'utf8' }).map((name) => join(catalog, name));
  expect(files.length).toBeGreaterThan(0);
  for (const path of files.filter((one) => statSync(one).isFile()))
    expect(readFileSync(path).includes(PASSWORD), path).toBe(false);
});
