/** Runs in the page's process, in a world of its own and sandboxed, before the page. */
import { ipcRenderer, webUtils } from 'electron';
import { tellDroppedPaths, type DropWindow } from './dropped-files.ts';
import { handOverPorts, type PageWindow } from './port-handover.ts';

const page = globalThis as unknown as PageWindow & DropWindow;
handOverPorts(page, ipcRenderer);
tellDroppedPaths(page, (file) => webUtils.getPathForFile(file));
