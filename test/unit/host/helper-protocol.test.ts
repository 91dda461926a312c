/** What the helper with root's rights takes for a request: one line of JSON, whole, in time, and not too long. */
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { hearMessages, readRequest, type HelperMessage } from '../../../src-engine/host/rights/helper-protocol.ts';

const PLACE = {
  kind: 'device',
  path: '/dev/sdb',
  model: 'Disk',
  serial: 'S1',
  lengthBytes: 1024,
  sectorBytes: 512,
  physicalSectorBytes: 512,
};
const line = (request: unknown) => `${JSON.stringify(request)}\n`;
const read = (...pieces: (string | Buffer)[]) =>
  readRequest(Readable.from(pieces.map((one) => Buffer.from(one))), 1000);

test('a request comes in pieces, and what follows it is not read', async () => {
  const text = line({ task: 'read', place: PLACE });
  expect(await read(text.slice(0, 9), text.slice(9), 'rubbish')).toEqual({ task: 'read', place: PLACE });
  expect(await read(`${text}${line({ task: 'deploy' })}`)).toEqual({ task: 'read', place: PLACE });
});

test.for<[string, string | Buffer]>([
  ['nothing', ''],
  ['no line', '{"task":"read"'],
  ['no JSON', 'rm -rf /\n'],
  ['bytes that are no text', Buffer.concat([Buffer.alloc(70_000, 0xff), Buffer.from('\n')])],
  ['a list', '[]\n'],
  ['a task that is none', line({ task: 'run', command: ['/bin/sh'] })],
  ['a program', line({ task: 'read', place: PLACE, program: '/bin/sh' })],
  ['a place that is none', line({ task: 'read', place: { ...PLACE, lengthBytes: -1 } })],
  ['a path from wherever it is', line({ task: 'deploy', catalog: 'catalog', records: [] })],
  ['no records', line({ task: 'deploy', catalog: '/home/ada/catalog', records: [] })],
  ['records of something else', line({ task: 'deploy', catalog: '/home/ada/catalog', records: [PLACE] })],
  ['nesting without an end', `${'['.repeat(200_000)}\n`],
])('%s is none', async ([, input]) => {
  await expect(read(input)).rejects.toMatchObject({ code: 'RIGHTS_WITHHELD', data: { reason: 'request' } });
});

test('what does not end is given up, and what does not come, too', async () => {
  const piece = Buffer.alloc(8 * 1024 * 1024, 0x20);
  await expect(read(...Array.from({ length: 9 }, () => piece))).rejects.toMatchObject({
    data: { details: 'too long' },
  });
  const silent = new Readable({ read() {} });
  await expect(readRequest(silent, 20)).rejects.toMatchObject({ data: { details: 'late' } });
});

test('messages are told apart from what else is said', async () => {
  const heard: HelperMessage[] = [];
  const input = Readable.from([
    Buffer.from('{"say":"be'),
    Buffer.from('gun"}\nError executing command\n{"say":"run"}\n{"say":"advance","part":-1,"bytes":1}\n'),
    Buffer.from('{"say":"advance","part":1,"bytes":7}\n{"say":"advan'),
  ]);
  const said = hearMessages(input, (message) => heard.push(message));
  await new Promise((resolve) => input.once('end', resolve));
  expect(heard).toEqual([{ say: 'begun' }, { say: 'advance', part: 1, bytes: 7 }]);
  expect(said()).toContain('Error executing command');
});
