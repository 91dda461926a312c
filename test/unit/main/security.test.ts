import { EventEmitter } from 'node:events';
import type { Session, WebContents } from 'electron';
import { describe, expect, test, vi } from 'vitest';
import {
  fenceContents,
  fencedPreferences,
  fenceSession,
  isOwnPage,
  isPermitted,
  isReachable,
} from '../../../src-main/desktop/security.ts';

test('a page runs in the sandbox, apart from the preload, without Node', () => {
  expect(fencedPreferences('/preload.cjs')).toMatchObject({
    preload: '/preload.cjs',
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    nodeIntegrationInWorker: false,
    nodeIntegrationInSubFrames: false,
    webSecurity: true,
    allowRunningInsecureContent: false,
    webviewTag: false,
  });
});

describe('who may speak to the main process', () => {
  const page = { origin: 'app://diskpress', parent: null };

  test('the page of the window', () => {
    expect(isOwnPage(page)).toBe(true);
  });

  test('not a frame in it', () => {
    expect(isOwnPage({ ...page, parent: page as never })).toBe(false);
  });

  test.each(['null', '', 'app://other', 'app://diskpress.evil', 'file://', 'https://diskpress'])(
    'not origin %j',
    (origin) => {
      expect(isOwnPage({ origin, parent: null })).toBe(false);
    },
  );

  test('not a frame that is gone', () => {
    expect(isOwnPage(null)).toBe(false);
  });
});

describe('permissions', () => {
  test('copying text and telling the end of a job are allowed to our pages, and to no other', () => {
    expect(isPermitted('notifications', 'app://diskpress/')).toBe(true);
    expect(isPermitted('notifications', 'https://evil.example/')).toBe(false);
    expect(isPermitted('clipboard-sanitized-write', 'app://diskpress/index.html')).toBe(true);
    expect(isPermitted('clipboard-sanitized-write', 'app://diskpress/')).toBe(true);
    expect(isPermitted('clipboard-sanitized-write', 'app://diskpress')).toBe(true);
    expect(isPermitted('clipboard-sanitized-write', 'app://diskpress.evil/')).toBe(false);
    expect(isPermitted('clipboard-sanitized-write', 'https://evil.example/app://diskpress/')).toBe(false);
  });

  test.each(['media', 'geolocation', 'clipboard-read', 'openExternal', 'fileSystem', 'usb', 'unknown'])(
    '%s is denied',
    (permission) => {
      expect(isPermitted(permission, 'app://diskpress/')).toBe(false);
    },
  );
});

test.each([
  ['app://diskpress/index.html', true],
  ['app://diskpress/assets/a.js', true],
  ['data:image/png;base64,AA==', true],
  ['app://diskpress.evil/', false],
  ['app://diskpress@evil/', false],
  ['file:///etc/passwd', false],
  ['https://example.org/', false],
  ['http://127.0.0.1/', false],
  ['ws://127.0.0.1/', false],
])('%s is reachable: %s', (url, expected) => {
  expect(isReachable(url)).toBe(expected);
});

/** Keeps what is set on a session, and asks it as Electron would. */
class RecordingSession extends EventEmitter {
  readonly handlers: Record<string, (...args: never[]) => unknown> = {};
  readonly webRequest = { onBeforeRequest: this.#record('request') };
  readonly setPermissionRequestHandler = this.#record('permission request');
  readonly setPermissionCheckHandler = this.#record('permission check');
  readonly setDevicePermissionHandler = this.#record('device');

  #record(name: string) {
    return (handler: (...args: never[]) => unknown) => (this.handlers[name] = handler);
  }
}

test('a fenced session answers no', () => {
  const session = new RecordingSession();
  fenceSession(session as unknown as Session);
  const ask = (name: string, ...args: unknown[]) => session.handlers[name](...(args as never[]));

  const answer = vi.fn();
  ask('permission request', null, 'media', answer, { requestingUrl: 'app://diskpress/' });
  expect(answer).toHaveBeenLastCalledWith(false);
  ask('permission request', null, 'clipboard-sanitized-write', answer, { requestingUrl: 'app://diskpress/index.html' });
  expect(answer).toHaveBeenLastCalledWith(true);
  expect(ask('permission check', null, 'media', 'app://diskpress/')).toBe(false);
  expect(ask('device')).toBe(false);
  ask('request', { url: 'https://example.org/' }, answer);
  expect(answer).toHaveBeenLastCalledWith({ cancel: true });
  ask('request', { url: 'app://diskpress/' }, answer);
  expect(answer).toHaveBeenLastCalledWith({ cancel: false });

  const isPrevented = (url: string) => {
    const preventDefault = vi.fn();
    session.emit('will-download', { preventDefault }, { getURL: () => url });
    return preventDefault.mock.calls.length > 0;
  };
  expect(isPrevented('https://example.org/a.exe')).toBe(true);
  expect(isPrevented('app://diskpress/index.html')).toBe(true);
  expect(isPrevented('blob:https://example.org/5')).toBe(true);
  expect(isPrevented('blob:app://diskpress/5')).toBe(false);
});

test('a fenced page leads nowhere', () => {
  let openWindow: () => unknown = () => undefined;
  const contents = Object.assign(new EventEmitter(), {
    setWindowOpenHandler: (handler: () => unknown) => (openWindow = handler),
  });
  fenceContents(contents as unknown as WebContents);
  for (const way of ['will-navigate', 'will-frame-navigate', 'will-redirect', 'will-attach-webview']) {
    const preventDefault = vi.fn();
    contents.emit(way, { preventDefault });
    expect(preventDefault, way).toHaveBeenCalledOnce();
  }
  expect(openWindow()).toEqual({ action: 'deny' });
});
