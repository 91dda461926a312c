/** The router with a real engine behind it: whatever arrives, the engine stays and every call has an answer. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { ReplySchema, type Reply } from '../../../src-engine/contract/protocol.ts';
import { Engine } from '../../../src-engine/host/engine.ts';
import { serveEngine } from '../../../src-engine/host/router.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const engine = new Engine({
  catalogPath: join(temporaryFolder(), 'catalog'),
  version: '1.2.3',
  pressUrl: new URL('../../../src-engine/host/press-worker.ts', import.meta.url),
  resourcesPath: new URL('../../../resources', import.meta.url).pathname,
});
afterAll(() => engine.close());

function connection() {
  const replies: Reply[] = [];
  let receive: (message: unknown) => void = () => {};
  serveEngine(engine, {
    send: (reply) => replies.push(ReplySchema.parse(reply)),
    receive: (listener) => void (receive = listener),
  });
  const reply = async (id: number) => {
    for (let tries = 0; tries < 500; tries++, await sleep(2)) {
      const found = replies.find((one) => one.id === id);
      if (found) return found;
    }
    throw new Error(`no reply to ${id}`);
  };
  return { replies, reply, send: (message: unknown) => receive(message) };
}
const call = (id: number, command: string, params: unknown = {}) => ({ verb: 'call', id, command, params });

test('a call has its result', async () => {
  const { send, reply } = connection();
  send(call(7, 'app.info'));
  expect(await reply(7)).toMatchObject({ kind: 'result', value: { version: '1.2.3', storeBytes: 0 } });
});

test.each([
  ['undefined', undefined],
  ['a number', 5],
  ['a text', 'call'],
  ['a list', []],
  ['nothing in it', {}],
  ['an unknown verb', { verb: 'shout', id: 3 }],
  ['an unknown command', { verb: 'call', id: 3, command: 'disk.erase', params: {} }],
  ['a command of Object', { verb: 'call', id: 3, command: 'constructor', params: {} }],
  ['a field too many', { verb: 'cancel', id: 3, more: true }],
  ['a negative number', { verb: 'cancel', id: -1 }],
  ['a number that is a text', { verb: 'call', id: '3', command: 'app.info', params: {} }],
  ['a number that cannot become one', JSON.parse('{"verb":"call","id":{"valueOf":1,"toString":1}}')],
  ['an unknown topic', { verb: 'subscribe', id: 3, topic: 'secrets' }],
])('a message with %s is a bad request, and the connection goes on', async (_, message) => {
  const { send, reply, replies } = connection();
  send(message);
  expect(replies).toMatchObject([{ kind: 'error', error: { code: 'BAD_REQUEST' } }]);
  expect([0, 3]).toContain(replies[0].id);
  send(call(8, 'template.list'));
  expect(await reply(8)).toMatchObject({ kind: 'result', value: [] });
});

test.each([
  ['no parameters', 'template.show', undefined],
  ['parameters of the wrong type', 'template.show', { template: 5 }],
  ['a parameter too many', 'template.show', { template: 'x', more: 1 }],
  ['a path with a zero byte', 'source.inspect', { source: '/a\0b' }],
  ['a path that is too long', 'source.inspect', { source: 'x'.repeat(5000) }],
  ['a name with a slash', 'capture.plan', { source: '/x', name: 'a/b' }],
  ['a level that zstd does not have', 'capture.plan', { source: '/x', name: 'a', level: 99 }],
  ['a length that is no number', 'deploy.plan', { template: 'a', target: '/x', lengthBytes: Infinity }],
  ['a negative length', 'deploy.plan', { template: 'a', target: '/x', lengthBytes: -1 }],
  ['a plan that is no UUID', 'deploy.start', { planId: '../../etc' }],
])('a call with %s is a bad request', async (_, command, params) => {
  const { send, reply } = connection();
  send({ verb: 'call', id: 1, command, params });
  expect(await reply(1)).toMatchObject({ kind: 'error', error: { code: 'BAD_REQUEST' } });
});

test('errors of the engine keep their code', async () => {
  const { send, reply } = connection();
  send(call(1, 'template.show', { template: 'nobody' }));
  expect(await reply(1)).toMatchObject({
    kind: 'error',
    error: { code: 'TEMPLATE_NOT_FOUND', data: { template: 'nobody' } },
  });
});

test('a number that is in use is refused, and the call that has it can still be cancelled', async () => {
  const { send, replies } = connection();
  send(call(5, 'device.list'));
  send(call(5, 'app.info'));
  send({ verb: 'cancel', id: 5 });
  while (replies.length < 2) await sleep(2);
  expect(replies.map((reply) => (reply.kind === 'error' ? reply.error.code : reply.kind))).toEqual([
    'BAD_REQUEST',
    'ABORTED',
  ]);
});

test('cancelling and unsubscribing what is not there is nothing', () => {
  const { send, replies } = connection();
  send({ verb: 'cancel', id: 99 });
  send({ verb: 'unsubscribe', id: 99 });
  expect(replies).toEqual([]);
});

test('events come until they are no longer wanted, or the connection is gone', async () => {
  const { send, replies } = connection();
  const events = () => replies.filter((reply) => reply.kind === 'event').map((reply) => reply.id);
  send({ verb: 'subscribe', id: 1, topic: 'jobs' });
  send({ verb: 'subscribe', id: 1, topic: 'jobs' });
  send({ verb: 'subscribe', id: 2, topic: 'catalog' });
  const prune = async () => {
    const { jobId } = await engine.run('prune.start', {}, new AbortController().signal);
    while ((await engine.run('job.show', { jobId }, new AbortController().signal)).state !== 'ended') await sleep(5);
  };
  await prune();
  expect(new Set(events())).toEqual(new Set([1, 2]));
  expect(events().filter((id) => id === 2)).toHaveLength(1);
  send({ verb: 'unsubscribe', id: 2 });
  await prune();
  expect(events().filter((id) => id === 2)).toHaveLength(1);
  const before = events().length;
  send(null);
  await prune();
  expect(events()).toHaveLength(before);
});
