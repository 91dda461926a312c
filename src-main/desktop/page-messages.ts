/** The one place that listens to messages from pages: who sends is checked here, before anything else sees it. */
import { ipcMain, type WebFrameMain } from 'electron';
import { isOwnPage } from './security.ts';

/** Every message that a page can send, through the preload. */
type PageMessage = 'engine:connect';

/** @param listener gets the frame that sent it, checked to be the window's own page; whatever was sent along is dropped */
export function onPageMessage(message: PageMessage, listener: (page: WebFrameMain) => void): void {
  ipcMain.on(message, ({ senderFrame }) => {
    if (senderFrame && isOwnPage(senderFrame)) listener(senderFrame);
  });
}
