/**
 * The two ways from a page to the engine: a WebSocket on the page's own origin (browser face), or the one MessagePort that
 * Electron's preload hands over (desktop).
 */
import type { Request, Transport } from '../../src-engine/contract/index.ts';

/** A transport that is open. Rejects where the other side cannot be reached. */
export type Connect = () => Promise<Transport<Request, unknown>>;

/** Pages are served over HTTP to a browser, and over the application's own scheme inside Electron. */
export const isBrowserFace = location.protocol.startsWith('http');

/** Connects to `/engine` of the page's origin; the session's cookie was set before by the one-time address. */
export const connectSocket: Connect = () =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`${location.protocol.replace('http', 'ws')}//${location.host}/engine`);
    let listener: ((message: unknown) => void) | null = null;
    socket.onmessage = (event: MessageEvent<string>) => listener?.(JSON.parse(event.data));
    socket.onerror = () => reject(new Error('The engine cannot be reached.'));
    socket.onclose = () => {
      reject(new Error('The engine closed the connection.'));
      listener?.(null);
    };
    socket.onopen = () =>
      resolve({
        send: (message) => {
          if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
        },
        receive: (to) => (listener = to),
      });
  });

const PORT_TIMEOUT_MS = 10_000;

/** Asks the preload for the engine's port. `{type:'diskpress:hello'}` goes out, `{type:'diskpress:port'}` with one port comes back. */
export const connectPort: Connect = () =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      window.removeEventListener('message', onMessage);
      reject(new Error('The engine cannot be reached.'));
    }, PORT_TIMEOUT_MS);
    const onMessage = (event: MessageEvent<{ type?: string }>) => {
      const [port] = event.ports;
      if (event.source !== window || event.data?.type !== 'diskpress:port' || !port) return;
      clearTimeout(timer);
      window.removeEventListener('message', onMessage);
      resolve({
        send: (message) => port.postMessage(message),
        receive: (listener) => {
          port.addEventListener('message', (message: MessageEvent<unknown>) => listener(message.data));
          port.addEventListener('close', () => listener(null), { once: true });
          port.start();
        },
      });
    };
    window.addEventListener('message', onMessage);
    window.postMessage({ type: 'diskpress:hello' }, location.origin === 'null' ? '*' : location.origin);
  });
