/** Tells the end of a long job to somebody who does something else: by a sound and by a notification, as far as these are wanted. */
import type { JobView } from '../../src-engine/contract/index.ts';

const LONG_MS = 30_000;

/** Whether somebody will have turned to something else meanwhile. */
export function isLong({ startedAt, endedAt }: Pick<JobView, 'startedAt' | 'endedAt'>): boolean {
  return startedAt !== null && endedAt !== null && Date.parse(endedAt) - Date.parse(startedAt) >= LONG_MS;
}

/** Two short tones: upwards where it was done, downwards where it was not. */
export function playEnd(isDone: boolean): void {
  const context = new AudioContext();
  const tones = isDone ? [523.25, 783.99] : [392, 261.63];
  tones.forEach((hertz, i) => {
    const at = context.currentTime + i * 0.18;
    const tone = new OscillatorNode(context, { frequency: hertz });
    const volume = new GainNode(context, { gain: 0 });
    volume.gain.setTargetAtTime(0.15, at, 0.01);
    volume.gain.setTargetAtTime(0, at + 0.12, 0.04);
    tone.connect(volume).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.5);
    if (i === tones.length - 1) tone.onended = () => void context.close();
  });
}

/** @param show what is done when it is pressed */
export function notifyEnd(title: string, body: string, show: () => void): void {
  if (!('Notification' in window) || Notification.permission !== 'granted') return;
  const notification = new Notification(title, { body, icon: 'icon.svg' });
  notification.onclick = () => {
    window.focus();
    show();
    notification.close();
  };
}
