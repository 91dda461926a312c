/** Places on the command line, as people paste them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { takeTypedPlaces } from '../../../src-main/cli/typed-places.ts';
import { collect } from '../../../src-main/cli/options.ts';

async function run(...argv: string[]) {
  const heard: unknown[] = [];
  const program = new Command().exitOverride();
  program
    .command('capture <sources...>')
    .option('--note <text>')
    .option('--save <file.txt|html|pdf>')
    .option('--table <file>', '', collect)
    .action((sources, options) => void heard.push(sources, options));
  program.command('files <template> [path]').action((template, path) => void heard.push(template, path));
  takeTypedPlaces(program);
  await program.parseAsync(argv, { from: 'user' });
  return heard;
}

test('places lose quotes, schemes and the sign for their home; everything else stays as it is', async () => {
  expect(
    await run(
      ...['capture', '"/srv/a b.img"', 'file:///srv/%C3%A9t%C3%A9.img', '~/c.img', '/dev/sda', '--note', '"quoted"'],
      ...['--save', "'~/report.pdf'", '--table', '"/a.csv"', '--table', '/b.csv'],
    ),
  ).toEqual([
    ['/srv/a b.img', '/srv/été.img', join(homedir(), 'c.img'), '/dev/sda'],
    { note: '"quoted"', save: join(homedir(), 'report.pdf'), table: ['/a.csv', '/b.csv'] },
  ]);
});

test('what is inside of a template is no place here', async () => {
  expect(await run('files', 'lab', '"/etc"')).toEqual(['lab', '"/etc"']);
});

test('a file that is called so is meant', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-places-'));
  const path = join(folder, '"quoted".img');
  writeFileSync(path, '');
  expect((await run('capture', path))[0]).toEqual([path]);
  rmSync(folder, { recursive: true });
});
