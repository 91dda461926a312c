/** The way out: asks while a job runs, then ends the engine, then the application. */
import { app, dialog, type BrowserWindow } from 'electron';
import type { RunningEngine } from '../../src-engine/host/start-engine.ts';
import type { Words } from './words.ts';

export function leaveInOrder(window: BrowserWindow, engine: RunningEngine, words: Words): void {
  const client = engine.client();
  let isLeaving = false;
  let isEngineClosed = false;
  client.onLost(() => (isEngineClosed = true));

  async function leave(): Promise<void> {
    // an engine that does not answer is no reason to stay
    const jobs = await client.call('job.list', {}).catch(() => []);
    if (jobs.some((job) => job.state !== 'ended')) {
      const { response } = await dialog.showMessageBox(window, {
        type: 'warning',
        message: words.jobsRun,
        detail: words.jobsRunDetail,
        buttons: [words.stopAndQuit, words.stay],
        defaultId: 1,
        cancelId: 1,
      });
      if (response === 1) return;
    }
    await engine.close();
    isEngineClosed = true;
    app.quit();
  }

  app.on('before-quit', (event) => {
    if (isEngineClosed) return;
    event.preventDefault();
    if (isLeaving) return;
    isLeaving = true;
    void leave().finally(() => (isLeaving = false));
  });
  window.on('close', (event) => {
    if (isEngineClosed) return;
    event.preventDefault();
    app.quit();
  });
}
