/** A command that is not valid ends with 2, whichever option it is, and says in words what the option takes. */
import { createServer } from 'node:net';
import { beforeAll, expect, test } from 'vitest';
import { commandLine, lastLine } from '../../support/command-line.ts';
import { makeExt4 } from '../../support/disks.ts';
import { storeTogether } from '../../support/several-disks.ts';
import { MIB, workbench } from '../../support/workbench.ts';

const bench = workbench();
const catalog = bench.path('catalog');
const diskpress = commandLine(catalog);
const image = makeExt4(bench, 'a.img', 16 * MIB);
const target = bench.path('x.img');

beforeAll(() => storeTogether(catalog, [image, makeExt4(bench, 'b.img', 8 * MIB)], 'pair'));

const NUMBERS: [string[], string][] = [
  [['capture', image, '--name', 'x', '--level', '99'], '--level is “99”, and takes a whole number from 1 to 19'],
  [['import', image, '--name', 'x', '--max-ratio', 'many'], '--max-ratio is “many”'],
  [['deploy', 'pair', target, '--size', '-1'], '--size takes a size as 3000000000, 3G, 3 GB or 3GiB, not -1'],
  [['files', 'pair', '--disk', '0'], '--disk is “0”, and takes a whole number from 1 to 64'],
  [['serve', '--port', '99999'], '--port is “99999”'],
];
const CHOICES: [string[], string][] = [
  [
    ['capture', image, '--name', 'x', '--outside', 'some'],
    '--outside is “some”, and takes one of these: ask, take, leave',
  ],
  [['capture', image, '--name', 'x', '--on-unreadable', 'cry'], 'stop, fill'],
  [['import', image, '--name', 'x', '--cloud-init', 'maybe'], 'yes, no'],
  [['export', 'pair', target, '--format', 'zip'], 'qcow2'],
  [['files', 'pair', '/', '--sort', 'colour'], 'name, size, modified'],
  [['edit', 'pair', '--status', 'resting'], 'active'],
  [['list', '--lang', 'tlh'], 'en, fr'],
];
const OTHERS: [string[], string][] = [
  [['import', image], '--name is missing'],
  [['capture', './', '--name', 'x'], './ is neither a disk nor an image file'],
  [['capture', image, image, '--name', 'x'], `${image} is named twice`],
  [['capture', image, '--name', 'a/b'], 'a name has no “/”'],
  [['deploy', 'pair', target, '--disk', '3'], '“pair@1” has no disk 3: it has 2.'],
  [['export', 'pair', target, '--format', 'raw', '--disk', '3'], '“pair@1” has no disk 3'],
  [['import', image, '--name', 'x', '--disk', '4'], '“a.img” has no disk 4: it has 1.'],
];

test.each([
  ['numbers', NUMBERS],
  ['choices', CHOICES],
  ['others', OTHERS],
])('%s', async (_, commands) => {
  const ends = await Promise.all(commands.map(([args]) => diskpress('--json', ...args)));
  for (const [i, ended] of ends.entries()) {
    const [args, said] = commands[i];
    expect([args, ended.code, ended.err]).toEqual([args, 2, '']);
    expect(lastLine(ended).error.message).toContain(said);
  }
});

test('a port that another program has is told as that', async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
  for (const command of [['serve'], ['nbd', 'pair', '--disk', '1']]) {
    const ended = await diskpress('--json', ...command, '--port', String(port));
    expect([ended.code, ended.err]).toEqual([6, '']);
    expect(lastLine(ended).error).toMatchObject({ code: 'DEVICE_BUSY', data: { path: `127.0.0.1:${port}` } });
  }
  server.close();
});

test.each([
  [['nix'], 3, 'TEMPLATE_NOT_FOUND'],
  [['pair'], 2, 'DISK_CHOICE_REQUIRED'],
  [['pair', '--disk', '9'], 2, 'NO_SUCH_DISK'],
  [['pair', '--disk', '1', '--socket', bench.path('s'), '--port', '0'], 2, 'BAD_REQUEST'],
  [['pair', '--disk', '1', '--socket', image], 5, 'DESTINATION_EXISTS'],
])('nbd %j ends with its own fault', async (args, code, name) => {
  const ended = await diskpress('--json', 'nbd', ...args);
  expect([ended.code, ended.err]).toEqual([code, '']);
  expect(lastLine(ended).error.code).toBe(name);
});

test.each(['', 'capture', 'deploy', 'import', 'vm'])(
  'help fits 80 columns, and has every choice: %s',
  async (command) => {
    for (const language of ['en', 'fr']) {
      const { code, out } = await diskpress('--lang', language, ...command.split(' ').filter(Boolean), '--help');
      expect(code).toBe(0);
      expect(out.split('\n').filter((line) => [...line].length > 80)).toEqual([]);
      if (command === 'deploy')
        expect(out.replaceAll(/\s+/g, ' ')).toContain('lsi53c8xx, megasas, mpt3sas, xen, hyperv)');
    }
  },
);
