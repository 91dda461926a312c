/** The way of a message from a page to the engine on the desktop, with Node's ports in the place of Electron's. */
import { EventEmitter, once } from 'node:events';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { describe, expect, test, vi } from 'vitest';
import { joinPorts, type PagePort } from '../../../src-main/desktop/engine-port.ts';
import { handOverPorts, type PageWindow } from '../../../src-main/desktop/port-handover.ts';

/** Electron's port gives events with `data`, and delivers nothing before it is started. */
function electronLike(port: MessagePort): PagePort {
  return {
    on(event: 'message' | 'close', listener: (event: { data: unknown }) => void) {
      // adding a listener by `on` would start a Node port
      if (event === 'message') port.addEventListener('message', listener as never);
      else port.on('close', listener as () => void);
    },
    postMessage: (message) => port.postMessage(message),
    start: () => port.start(),
    close: () => port.close(),
  };
}

function joined() {
  const page = new MessageChannel();
  const engine = new MessageChannel();
  joinPorts(electronLike(page.port1), engine.port1);
  return { page: page.port2, engine: engine.port2 };
}

describe('joined ports', () => {
  test('carry messages both ways, in order', async () => {
    const { page, engine } = joined();
    engine.on('message', (message) => engine.postMessage({ answerTo: message }));
    const answers: unknown[] = [];
    page.on('message', (message) => answers.push(message));
    page.postMessage({ id: 1 });
    page.postMessage({ id: 2 });
    await vi.waitFor(() => expect(answers).toEqual([{ answerTo: { id: 1 } }, { answerTo: { id: 2 } }]));
    page.close();
  });

  test('end together when the page goes', async () => {
    const { page, engine } = joined();
    const ended = once(engine, 'close');
    page.close();
    await ended;
  });

  test('end together when the engine goes', async () => {
    const { page, engine } = joined();
    const ended = once(page, 'close');
    engine.close();
    await ended;
  });

  test('pass objects only: null would mean that the page is gone', async () => {
    const { page, engine } = joined();
    const received: unknown[] = [];
    engine.on('message', (message) => received.push(message));
    for (const message of [null, undefined, 7, 'text', { id: 1 }]) page.postMessage(message);
    await vi.waitFor(() => expect(received).toEqual([{ id: 1 }]));
    page.close();
  });
});

describe('the hand-over in the preload', () => {
  function preloaded() {
    const ipc = Object.assign(new EventEmitter(), { send: vi.fn() });
    const posted = vi.fn();
    let listener: (event: { source: unknown; data: unknown }) => void = () => {};
    const page: PageWindow = {
      location: { origin: 'app://diskpress' },
      addEventListener: (_type, added) => (listener = added),
      postMessage: posted,
    };
    handOverPorts(page, ipc as never);
    return { ipc, page, posted, say: (source: unknown, data: unknown) => listener({ source, data }) };
  }

  test('asks the main process when the page says hello, each time', () => {
    const { ipc, page, say } = preloaded();
    say(page, { type: 'diskpress:hello' });
    say(page, { type: 'diskpress:hello' });
    expect(ipc.send.mock.calls).toEqual([['engine:connect'], ['engine:connect']]);
  });

  test('hears nobody else and nothing else', () => {
    const { ipc, page, say } = preloaded();
    say({}, { type: 'diskpress:hello' });
    for (const data of [null, 'diskpress:hello', {}, { type: 'engine:connect' }, ['diskpress:hello']]) say(page, data);
    expect(ipc.send).not.toHaveBeenCalled();
  });

  test('gives the port to the page of its own origin', () => {
    const { ipc, posted } = preloaded();
    const port = {};
    ipc.emit('engine:port', { ports: [port] });
    expect(posted).toHaveBeenCalledExactlyOnceWith({ type: 'diskpress:port' }, 'app://diskpress', [port]);
  });
});
