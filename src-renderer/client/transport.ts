/**
 * The two ways from a page to the engine: a WebSocket on the page's own origin (browser face), or the one MessagePort that
 * Electron's preload hands over (desktop).
 */
import {
  EnteredSchema,
  REFUSAL_CLOSE_CODES,
  type EntranceRefusal,
  type Request,
  type Transport,
} from '../../src-engine/contract/index.ts';
import { entrance, keepSession } from './entrance.ts';

/** A transport that is open. Rejects where the other side cannot be reached. */
export type Connect = () => Promise<Transport<Request, unknown>>;

/** Pages are served over HTTP to a browser, and over the application's own scheme inside Electron. */
export const isBrowserFace = location.protocol.startsWith('http');

/** The engine is there, and does not let this browser in. Trying again changes nothing. */
export class NotLetIn extends Error {
  readonly reason: EntranceRefusal;
  constructor(reason: EntranceRefusal) {
    super(reason);
    this.reason = reason;
  }
}

/** Connects to `/engine` of the page's origin, and says who it is first. Rejects with NotLetIn where that is not enough. */
export const connectSocket: Connect = () =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`${location.protocol.replace('http', 'ws')}//${location.host}/engine`);
    let listener: ((message: unknown) => void) | null = null;
    socket.onerror = () => reject(new Error('The engine cannot be reached.'));
    socket.onclose = ({ code }) => {
      const reason = REASONS.find((one) => REFUSAL_CLOSE_CODES[one] === code);
      reject(reason ? new NotLetIn(reason) : new Error('The engine closed the connection.'));
      listener?.(null);
    };
    socket.onopen = () => socket.send(JSON.stringify(entrance()));
    socket.onmessage = (first: MessageEvent<string>) => {
      keepSession(EnteredSchema.parse(JSON.parse(first.data)).session);
      socket.onmessage = (event: MessageEvent<string>) => listener?.(JSON.parse(event.data));
      resolve({
        send: (message) => {
          if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
        },
        receive: (to) => (listener = to),
      });
    };
  });

const REASONS = Object.keys(REFUSAL_CLOSE_CODES) as EntranceRefusal[];

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
