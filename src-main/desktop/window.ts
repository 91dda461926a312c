/** The one window. */
import { join } from 'node:path';
import { app, BrowserWindow, screen } from 'electron';
import { fencedPreferences } from './security.ts';
import { MIN_SIZE, placeWindow, readWindowState, writeWindowState } from './window-state.ts';

/** Makes it where it was closed last, still empty and hidden; its place is written when it closes. */
export function makeWindow(): BrowserWindow {
  const statePath = join(app.getPath('userData'), 'window.json');
  const state = readWindowState(statePath);
  const areas = screen.getAllDisplays().map((display) => display.workArea);
  const window = new BrowserWindow({
    ...placeWindow(state, areas),
    minWidth: MIN_SIZE.width,
    minHeight: MIN_SIZE.height,
    show: false,
    autoHideMenuBar: true,
    webPreferences: fencedPreferences(join(app.getAppPath(), 'out', 'preload', 'preload.cjs')),
  });
  if (state?.isMaximized) window.maximize();
  window.once('ready-to-show', () => window.show());
  window.on('close', () => {
    writeWindowState(statePath, { ...window.getNormalBounds(), isMaximized: window.isMaximized() });
  });
  return window;
}
