/** Entry of the engine's worker thread. Faces connect with a MessagePort each; the last word is `close`. */
import { once } from 'node:events';
import { parentPort, type MessagePort } from 'node:worker_threads';
import type { Reply, Transport } from '../contract/protocol.ts';
import { toEngineError } from '../core/engine-error.ts';
import { Engine } from './engine.ts';
import type { OpenEngine } from './engine-thread.ts';
import { serveEngine } from './router.ts';

const [{ pressUrl, ...options }] = (await once(parentPort!, 'message')) as [OpenEngine];

try {
  const engine = new Engine({ ...options, pressUrl: new URL(pressUrl) });
  parentPort!.on('message', async (message: { connect?: MessagePort; close?: true }) => {
    if (message.connect) serveEngine(engine, portTransport(message.connect));
    if (message.close) {
      await engine.close();
      // ends this thread; the ports of faces that are still connected close with it
      process.exit(0);
    }
  });
  parentPort!.postMessage({ ready: true });
} catch (error) {
  parentPort!.postMessage({ failed: toEngineError(error).toView() });
}

function portTransport(port: MessagePort): Transport<Reply, unknown> {
  return {
    send: (message) => port.postMessage(message),
    receive(listener) {
      port.on('message', listener);
      port.on('close', () => listener(null));
    },
  };
}
