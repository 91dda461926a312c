/** Entry of the desktop application: one instance, one window, one engine. */
import { join } from 'node:path';
import { app, dialog, Menu, MessageChannelMain, protocol, session } from 'electron';
import { defaultCatalogPath, startEngine } from '../../src-engine/host/start-engine.ts';
import { openPageFiles } from '../pages/page-files.ts';
import { APP_ORIGIN, APP_SCHEME, servePage } from './app-scheme.ts';
import { joinPorts } from './engine-port.ts';
import { leaveInOrder } from './leaving.ts';
import { menuTemplate } from './menu.ts';
import { onPageMessage } from './page-messages.ts';
import { fenceApp, fenceSession } from './security.ts';
import { makeWindow } from './window.ts';
import { wordsFor } from './words.ts';

// as on the command line: this pool reads and writes disks, several windows at a time
process.env.UV_THREADPOOL_SIZE ??= '8';

fenceApp(app);
protocol.registerSchemesAsPrivileged([APP_SCHEME]);
// a second start shows the first one's window
if (app.requestSingleInstanceLock()) app.whenReady().then(run).catch(fail);
else app.quit();

async function run(): Promise<void> {
  const words = wordsFor(app.getLocale());
  const pages = await openPageFiles(join(app.getAppPath(), 'out', 'renderer'));
  const engine = await startEngine({
    catalogPath: defaultCatalogPath(),
    version: app.getVersion(),
    resourcesPath: join(app.getAppPath(), 'resources'),
    stays: true,
  });
  // the default session may be older than the fence's listener
  fenceSession(session.defaultSession);
  session.defaultSession.protocol.handle(APP_SCHEME.scheme, (request) => servePage(request, pages));
  Menu.setApplicationMenu(Menu.buildFromTemplate(menuTemplate(words, process.platform)));
  onPageMessage('engine:connect', (page) => {
    const { port1, port2 } = new MessageChannelMain();
    joinPorts(port1, engine.connect());
    page.postMessage('engine:port', null, [port2]);
  });

  const window = makeWindow();
  leaveInOrder(window, engine, words);
  app.on('second-instance', () => {
    if (window.isMinimized()) window.restore();
    window.focus();
  });
  await window.loadURL(`${APP_ORIGIN}/index.html`);
}

function fail(error: unknown): void {
  const { cannotStart } = wordsFor(app.getLocale());
  dialog.showErrorBox(cannotStart, error instanceof Error ? error.message : String(error));
  app.exit(1);
}
