/** Runs in the page's process, in a world of its own and sandboxed, before the page. */
import { ipcRenderer } from 'electron';
import { handOverPorts, type PageWindow } from './port-handover.ts';

handOverPorts(globalThis as unknown as PageWindow, ipcRenderer);
