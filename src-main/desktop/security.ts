/**
 * The fence around the pages: everything that keeps a page from reaching more than its own files and the engine's port.
 * Nothing outside this file decides on it; the list follows Electron's security tutorial.
 */
import type { App, Session, WebContents, WebFrameMain, WebPreferences } from 'electron';
import { APP_ORIGIN } from './app-scheme.ts';

/** @param preload absolute path of the built preload */
export function fencedPreferences(preload: string): WebPreferences {
  return {
    preload,
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    nodeIntegrationInWorker: false,
    nodeIntegrationInSubFrames: false,
    webSecurity: true,
    allowRunningInsecureContent: false,
    experimentalFeatures: false,
    webviewTag: false,
    plugins: false,
    navigateOnDragDrop: false,
    // the spelling checker would fetch dictionaries from the network
    spellcheck: false,
  };
}

function isOwnUrl(url: string): boolean {
  return url === APP_ORIGIN || url.startsWith(`${APP_ORIGIN}/`);
}

/** What a page has made itself, to be saved: nothing is fetched for it. */
function isOwnBlob(url: string): boolean {
  return url.startsWith(`blob:${APP_ORIGIN}/`);
}

/** Copying text after a click, and telling the end of a long job, is all that pages need. @param url of the page that asks, or its origin */
export function isPermitted(permission: string, url: string): boolean {
  return ['clipboard-sanitized-write', 'notifications'].includes(permission) && isOwnUrl(url);
}

/** Whether a request may be made at all: for the application's own files, or for what is in the page already. */
export function isReachable(url: string): boolean {
  return isOwnUrl(url) || isOwnBlob(url) || url.startsWith('data:') || url.startsWith('devtools:');
}

/** Whether a message comes from the window's own page: not from a frame in it, nor from a page of another origin. */
export function isOwnPage(frame: Pick<WebFrameMain, 'origin' | 'parent'> | null): boolean {
  return frame !== null && frame.parent === null && frame.origin === APP_ORIGIN;
}

/** Closes what a session offers to pages: permissions, devices, the network, downloads but of what a page has made itself. */
export function fenceSession(session: Session): void {
  session.setPermissionRequestHandler((_contents, permission, answer, { requestingUrl }) =>
    answer(isPermitted(permission, requestingUrl)),
  );
  session.setPermissionCheckHandler((_contents, permission, origin) => isPermitted(permission, origin));
  session.setDevicePermissionHandler(() => false);
  session.webRequest.onBeforeRequest(({ url }, answer) => answer({ cancel: !isReachable(url) }));
  session.on('will-download', (event, item) => {
    if (!isOwnBlob(item.getURL())) event.preventDefault();
  });
}

/** Closes the ways out of a page: other addresses, other windows, pages within pages. */
export function fenceContents(contents: WebContents): void {
  contents.on('will-navigate', (event) => event.preventDefault());
  contents.on('will-frame-navigate', (event) => event.preventDefault());
  contents.on('will-redirect', (event) => event.preventDefault());
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.setWindowOpenHandler(() => ({ action: 'deny' }));
}

/** Fences everything that will be made. Call it before the application is ready. */
export function fenceApp(app: App): void {
  app.enableSandbox();
  app.on('session-created', fenceSession);
  app.on('web-contents-created', (_event, contents) => fenceContents(contents));
}
