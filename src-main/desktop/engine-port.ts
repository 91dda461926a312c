/** Joins a page's port, which is Electron's, to the engine's, which is Node's: neither can cross to the other side itself. */
import type { MessagePort } from 'node:worker_threads';
import type { MessagePortMain } from 'electron';

/** What is used of Electron's port. */
export interface PagePort {
  on(event: 'message', listener: (event: { data: unknown }) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  postMessage: MessagePortMain['postMessage'];
  start(): void;
  close(): void;
}

/** Passes messages both ways until either port closes, then closes the other. */
export function joinPorts(page: PagePort, engine: MessagePort): void {
  page.on('message', ({ data }) => {
    // null would end the connection, and only objects are requests
    if (typeof data === 'object' && data !== null) engine.postMessage(data);
  });
  page.on('close', () => engine.close());
  engine.on('message', (message: unknown) => page.postMessage(message));
  engine.on('close', () => page.close());
  page.start();
}
