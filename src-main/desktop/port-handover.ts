/** What the preload does: a page says hello, the main process answers with a port, the page gets the port. Nothing else. */
import type { IpcRenderer } from 'electron';

/** What is used of a page's window. The main process is compiled without the types of a browser. */
export interface PageWindow {
  readonly location: { readonly origin: string };
  addEventListener(type: 'message', listener: (event: { source: unknown; data: unknown }) => void): void;
  postMessage(message: unknown, targetOrigin: string, transfer: readonly unknown[]): void;
}

/** @param ipc of the preload; the page never sees it */
export function handOverPorts(page: PageWindow, ipc: Pick<IpcRenderer, 'send' | 'on'>): void {
  page.addEventListener('message', ({ source, data }) => {
    const isHello = typeof data === 'object' && data !== null && 'type' in data && data.type === 'diskpress:hello';
    if (source === page && isHello) ipc.send('engine:connect');
  });
  ipc.on('engine:port', ({ ports }) => page.postMessage({ type: 'diskpress:port' }, page.location.origin, ports));
}
