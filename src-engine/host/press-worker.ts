/** Entry of the worker threads that cut, hash and compress. One press for each thread; requests are answered in order. */
import { parentPort } from 'node:worker_threads';
import { toEngineError } from '../core/engine-error.ts';
import { Press, type PressReply, type PressRequest } from '../store/press.ts';

const press = new Press();

parentPort!.on('message', ({ id, job, request }: { id: number; job: number; request: PressRequest }) => {
  let reply: PressReply;
  try {
    reply = press.handle(job, request);
  } catch (error) {
    reply = { kind: 'error', error: toEngineError(error).toView() };
  }
  // what was pressed changes hands without a copy
  const pressed = 'frames' in reply ? reply.frames.map((frame) => frame.payload) : [];
  if (reply.kind === 'packed') pressed.push(reply.memory);
  parentPort!.postMessage({ id, reply }, [...new Set(pressed.map(({ buffer }) => buffer as ArrayBuffer))]);
});
